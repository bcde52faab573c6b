package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

const (
	// DefaultManifestTimeout bounds how long a manifest may take to arrive: 16 MiB
	// at 2 Mbit/s.
	DefaultManifestTimeout = 70 * time.Second

	// answerTimeout is what the short answer may take.
	answerTimeout = 10 * time.Second

	// maxArriving bounds how many manifests are on their way at once, each in a file
	// of 16 MiB at most.
	maxArriving = 64

	// arrivalGrace is how long a manifest may be on its way before a faster one can
	// take its place.
	arrivalGrace = time.Second

	// maxStoring bounds how many manifests are in memory at once, of 16 MiB each: they
	// have arrived whole, and have the digest of one that an image names. Only one of
	// them is parsed at a time, which takes up to 140 MiB more.
	maxStoring = 4

	// maxMentions bounds the images that are looked at for one manifest.
	maxMentions = 100
)

// PathManifest is where a manifest is served and sent.
const PathManifest = "/api/v1/manifests/:digest"

// manifestNames returns the digest that the path names.
func manifestNames(c echo.Context) (release.Digest, error) {
	digest, err := release.ParseDigest(c.Param("digest"))
	if err != nil {
		return release.Digest{}, &Error{Code: CodeIndex, Member: "digest", Got: cut(c.Param("digest")), Want: wantManifest, Detail: "got no digest of a manifest: want " + wantManifest}
	}
	return digest, nil
}

const wantManifest = "64 lowercase hexadecimal digits"

// manifest serves the list of a model's files that has this SHA-256.
func (a *API) manifest(c echo.Context) error {
	digest, err := manifestNames(c)
	if err != nil {
		return err
	}
	file, err := a.openManifest(c.Request().Context(), digest)
	if err != nil {
		return err
	}
	defer file.Close()
	header := c.Response().Header()
	header.Set("Content-Type", typeJSON)
	header.Set("Cache-Control", CacheForever)
	header.Set("ETag", `"`+digest.String()[:32]+`"`)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, file)
	return nil
}

func (a *API) openManifest(ctx context.Context, digest release.Digest) (io.ReadSeekCloser, error) {
	missing := &Error{Code: CodeNotFound, Member: "digest", Got: digest.String(), Want: "the digest of a manifest that is kept here", Detail: "no manifest of this SHA-256 is kept here"}
	if a.config.Manifests == nil {
		return nil, missing
	}
	file, err := a.config.Manifests.Open(ctx, digest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing
	}
	return file, err
}

// storeManifest keeps a manifest: 201, and 200 where it was kept before. Only what
// a published image names is read at all, so nobody keeps data of his own here.
func (a *API) storeManifest(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	request := c.Request()
	digest, err := manifestNames(c)
	if err != nil {
		return unread(c, err)
	}
	if a.config.Manifests == nil {
		return unread(c, &Error{Code: CodeNotFound, Detail: "this log keeps no manifests"})
	}
	if request.ContentLength > release.MaxOMSManifest {
		return unread(c, manifestTooLarge(strconv.FormatInt(request.ContentLength, 10)+" bytes"))
	}
	if err := checkManifestType(request.Header); err != nil {
		return unread(c, err)
	}
	roots, err := a.manifestRoots(request.Context(), digest)
	if err != nil {
		return unread(c, err)
	}
	switch file, err := a.openManifest(request.Context(), digest); {
	case err == nil:
		c.Response().Header().Set("Connection", "close") // the body is not read
		return errors.Join(file.Close(), stored(c, http.StatusOK, digest))
	case !isNotFound(err):
		return err
	}
	arrived, err := a.receiveManifest(c)
	if err != nil {
		return err
	}
	defer arrived.Close()
	if err := checkManifestDigest(arrived.digest, digest); err != nil {
		return err
	}
	status, err := a.keepManifest(request.Context(), arrived, roots)
	if err != nil {
		return err
	}
	return stored(c, status, digest)
}

// unread refuses a request whose body stays where it is.
func unread(c echo.Context, err error) error {
	c.Response().Header().Set("Connection", "close")
	return err
}

// stored answers that a manifest is durable.
func stored(c echo.Context, status int, digest release.Digest) error {
	path := "/api/v1/manifests/" + digest.String()
	c.Response().Header().Set("Location", path)
	body, err := marshal(struct {
		Digest   release.Digest `json:"digest"`
		Manifest string         `json:"manifest"`
	}{digest, path})
	if err != nil {
		return err
	}
	return c.Blob(status, typeJSON, body)
}

func isNotFound(err error) bool {
	known, ok := errors.AsType[*Error](err)
	return ok && known.Code == CodeNotFound
}

// checkManifestDigest compares what arrived with the digest that its path names.
func checkManifestDigest(got, want release.Digest) error {
	if got == want {
		return nil
	}
	return &Error{Code: CodeManifestDigest, Member: "digest", Got: got.String(), Want: want.String(), Detail: "the manifest has another SHA-256 than its path says: send the bytes as muster measure model wrote them"}
}

// judgeManifest holds what arrived to the digest, to its form, and to the roots
// that images state; one at a time.
func (a *API) judgeManifest(ctx context.Context, data []byte, digest release.Digest, roots []release.Digest) error {
	if err := checkManifestDigest(sha256.Sum256(data), digest); err != nil {
		return err
	}
	if err := turn(ctx, a.parsing); err != nil {
		return err
	}
	defer func() { <-a.parsing }()
	root, _, err := release.ParseOMSManifest(data)
	if err != nil {
		return err
	}
	if !slices.Contains(roots, root) {
		return release.Refuse(release.CodeManifestRoot, "root", root.String(), roots[0].String()+", the root that the image states")
	}
	return nil
}

// manifestRoots returns the roots that published images state beside the digest of
// this manifest, at least one. Where the images stand is the search index's to say,
// what they state is read from the log.
func (a *API) manifestRoots(ctx context.Context, digest release.Digest) ([]release.Digest, error) {
	newest, _ := a.config.Log.Checkpoint()
	size := newest.Checkpoint.Size
	indexed, err := a.config.Index.Size(ctx)
	if err != nil {
		return nil, err
	}
	matches, err := a.config.Index.Find(ctx, log.DigestQuery{Prefix: digest.String(), Before: size, Limit: maxMentions})
	if err != nil {
		return nil, err
	}
	var roots []release.Digest
	for _, match := range matches {
		if match.Relation != log.RelationModelManifest {
			continue
		}
		root, err := a.statedRoot(ctx, match.Index, digest)
		if err != nil {
			return nil, err
		}
		if root != nil {
			roots = append(roots, *root)
		}
	}
	switch {
	case len(roots) > 0:
		return roots, nil
	case indexed < size:
		return nil, &Error{Code: CodeUnavailable, Retry: retrySoon, Detail: "the search index follows the log a moment later; send the same bytes again"}
	}
	return nil, &Error{Code: CodeManifestNotNamed, Member: "digest", Got: digest.String(), Want: "the digest of a manifest that a published image names",
		Detail: "no published image names a manifest of this SHA-256: submit the image first"}
}

// statedRoot returns the root that an admitted image states beside its manifest;
// nil where the entry is no such image.
func (a *API) statedRoot(ctx context.Context, index uint64, digest release.Digest) (*release.Digest, error) {
	admitted := false
	a.config.Log.View(func(state *register.State) {
		kept, ok := state.Entry(index)
		admitted = ok && kept.Status == register.StatusAdmitted
	})
	if !admitted {
		return nil, nil
	}
	entry, err := a.config.Log.Entry(ctx, index)
	if err != nil {
		return nil, entryError(index, err)
	}
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		return nil, err
	}
	statement, err := release.ParseStatement(envelope.Payload)
	if err != nil {
		return nil, err
	}
	image, ok := statement.Predicate.(*release.Image)
	if !ok || image.Measurements.OMS == nil || image.Measurements.OMS.Manifest == nil || *image.Measurements.OMS.Manifest != digest {
		return nil, nil
	}
	return &image.Measurements.OMS.Root, nil
}

func manifestTooLarge(got string) error {
	return &TooLargeError{release.Refuse(release.CodeManifestSize, "", got, "1 to "+strconv.Itoa(release.MaxOMSManifest)+" bytes")}
}

// checkManifestType wants a manifest declared as JSON, and not encoded.
func checkManifestType(header http.Header) error {
	got := header.Get("Content-Type")
	if mediaType, _, err := mime.ParseMediaType(got); err != nil || mediaType != typeJSON {
		return &Error{Code: CodeContentType, Member: "Content-Type", Got: cut(got), Want: typeJSON,
			Detail: "got content type " + strconv.QuoteToASCII(cut(got)) + ", want " + typeJSON}
	}
	if encoding := header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return &Error{Code: CodeContentType, Member: "Content-Encoding", Got: cut(encoding), Want: "none",
			Detail: "got content encoding " + strconv.QuoteToASCII(cut(encoding)) + ", want none"}
	}
	return nil
}
