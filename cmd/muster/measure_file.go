package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/measure"
)

func (a *app) measureFileCommand() *cobra.Command {
	var mediaType string
	cmd := &cobra.Command{
		Use:   "file PATH...",
		Short: "measure any file as an artifact: name, digest, size",
		Long: `Hashes files as artifacts: what stands in the artifacts of an image's statement.
Its output is no measurement for muster image create: a file's digest alone says
nothing of what a node loaded.`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			files := measuredFiles{Artifacts: []artifactJSON{}}
			names := map[string]string{}
			for _, path := range args {
				artifact, err := measure.File(cmd.Context(), path, mediaType, a.progress())
				if err != nil {
					return measured(err)
				}
				if other, ok := names[artifact.Name]; ok {
					return usage(cmd, fmt.Errorf("%s and %s have the same name: artifacts of one image need different names", quoteUnprintable(other), quoteUnprintable(path)))
				}
				names[artifact.Name] = path
				files.Artifacts = append(files.Artifacts, artifactJSON{artifact.MediaType, artifact.Name, artifact.Digest, artifact.Size})
			}
			return a.print(files, func(p *page) {
				for _, artifact := range files.Artifacts {
					p.row(artifact.Digest.String(), fmt.Sprint(artifact.Size), artifact.Name)
				}
			})
		},
	}
	cmd.Flags().StringVar(&mediaType, "media-type", measure.MediaTypeFile, "the files' media type")
	return cmd
}

// measuredFiles is what measure file prints under --json, members as in a statement.
type measuredFiles struct {
	Artifacts []artifactJSON `json:"artifacts"`
}

type artifactJSON struct {
	MediaType string         `json:"mediaType"`
	Name      string         `json:"name"`
	Digest    release.Digest `json:"sha256"`
	Size      uint64         `json:"size"`
}
