package api

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/tlog"
)

// checkpoint serves the newest anchor.
func (a *API) checkpoint(c echo.Context) error {
	newest, ok := a.config.Log.Checkpoint()
	if !ok {
		return &Error{Code: CodeNoCheckpoint, Retry: retrySoon,
			Detail: "nothing is published yet: the log waits for its witnesses; /readyz says for which"}
	}
	return Serve(c, typeText, cacheShort, newest.Note)
}

// checkpointAt serves the anchor of one size.
func (a *API) checkpointAt(c echo.Context) error {
	size, ok := parseIndex(c.Param("size"))
	if !ok {
		return &Error{Code: CodeIndex, Member: "size", Got: cut(c.Param("size")), Want: "a decimal number without leading zeros",
			Detail: "want the size of a kept checkpoint, a decimal number without leading zeros"}
	}
	anchor, err := a.config.Log.CheckpointAt(c.Request().Context(), size)
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Code: CodeNotFound, Detail: "no checkpoint of size " + strconv.FormatUint(size, 10) + " was published"}
	}
	if err != nil {
		return err
	}
	return Serve(c, typeText, CacheForever, anchor.Note)
}

// tile serves tiles and entry bundles, https://c2sp.org/tlog-tiles.
func (a *API) tile(c echo.Context) error {
	// The path as it was sent: an escaped one is another path.
	id, err := tlog.ParseTilePath(strings.TrimPrefix(c.Request().URL.EscapedPath(), "/"))
	if err != nil {
		return &Error{Code: CodeTilePath, Detail: err.Error()}
	}
	data, err := a.config.Log.Tile(c.Request().Context(), id)
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Code: CodeNotFound, Detail: err.Error()}
	}
	if err != nil {
		return err
	}
	return Serve(c, typeBinary, CacheForever, data)
}

// policy serves the log's own words on its key and its witnesses.
func (a *API) policy(c echo.Context) error {
	return Serve(c, typeText, cacheRevalidate, a.config.Policy)
}

// parseIndex reads a decimal number in its one form, as far as tree sizes go.
func parseIndex(text string) (uint64, bool) {
	index, err := strconv.ParseUint(text, 10, 63)
	return index, err == nil && strconv.FormatUint(index, 10) == text
}
