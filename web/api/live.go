package api

import (
	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// liveProduct is what is live of a product.
type liveProduct struct {
	Product  string        `json:"product"`
	Releases []liveRelease `json:"releases"`
}

// liveRelease is a live release, as the register says.
type liveRelease struct {
	Index    uint64           `json:"index"`
	Digest   release.Digest   `json:"digest"` // of the payload, as a roll lists it
	Identity release.Digest   `json:"identity"`
	Channel  string           `json:"channel"`
	Version  string           `json:"version"`
	Issued   string           `json:"issued"`
	NotAfter string           `json:"notAfter"`
	Images   []release.Digest `json:"images"` // payload digests
}

// live lists what is live at the size of the newest checkpoint, of all products
// or of the one that the parameter product names.
func (a *API) live(c echo.Context) error {
	only := ""
	for name, values := range c.QueryParams() {
		if name != "product" || len(values) > 1 || len(values[0]) > maxText || values[0] == "" {
			return refuseQuery(name, values[0], "product, one name")
		}
		only = values[0]
	}
	newest, _ := a.config.Log.Checkpoint()
	size := newest.Checkpoint.Size
	answer := struct {
		Size     uint64        `json:"size"`
		Products []liveProduct `json:"products"`
	}{Size: size, Products: []liveProduct{}}
	a.config.Log.View(func(state *register.State) {
		for _, product := range state.ProductsAt(size) {
			if only != "" && product != only {
				continue
			}
			entries, _ := state.LiveAt(product, size)
			listed := liveProduct{Product: product, Releases: make([]liveRelease, 0, len(entries))}
			for _, e := range entries {
				listed.Releases = append(listed.Releases, liveRelease{e.Index, e.Digest, e.Identity, e.Channel, e.Version, instant(e.Issued), instant(e.NotAfter), e.Images})
			}
			answer.Products = append(answer.Products, listed)
		}
	})
	return serveJSON(c, answer)
}
