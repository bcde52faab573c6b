package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/muster-log/muster/release/build"
)

const (
	// rootUUID is of the root file system; a fixed one keeps the image the same
	// from run to run.
	rootUUID = "6d757374-6572-4d65-8064-656d6f726f6f"
	// weights is how many bytes the made model's weights have.
	weights = 8 << 20

	osRelease = "ID=muster-demo\nNAME=\"Muster demo\"\nVERSION_ID=1\nPRETTY_NAME=\"Muster demo image, for measuring only\"\n"
)

// production are the words of the kernel's command line that an image of mode
// production must have, besides the root hash (release, rules of version 1).
const production = "systemd.import_credentials=no systemd.gpt_auto=0 rd.systemd.gpt_auto=0 rd.shell=0 rd.emergency=halt noresume lockdown=confidentiality module.sig_enforce=1 console=ttyS0 panic=-1"

// makeRoot lays out the root file system's directory.
func makeRoot(directory string, init []byte) error {
	return writeTree(directory, []build.File{
		{Name: "dev", Mode: fs.ModeDir | 0o755},
		{Name: "etc", Mode: fs.ModeDir | 0o755},
		{Name: "etc/machine-id", Mode: 0o444},
		{Name: "etc/os-release", Mode: 0o444, Data: []byte(osRelease)},
		{Name: "proc", Mode: fs.ModeDir | 0o755},
		{Name: "run", Mode: fs.ModeDir | 0o755},
		{Name: "sbin", Mode: fs.ModeDir | 0o755},
		{Name: "sbin/init", Mode: 0o755, Data: init},
		{Name: "sys", Mode: fs.ModeDir | 0o755},
	})
}

// writeTree writes directories and files with their modes, whatever the umask.
func writeTree(directory string, files []build.File) error {
	if err := os.Mkdir(directory, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(directory, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		path := filepath.Join(directory, file.Name)
		var err error
		if file.Mode.IsDir() {
			err = os.Mkdir(path, 0o755)
		} else {
			err = os.WriteFile(path, file.Data, 0o644)
		}
		if err != nil {
			return err
		}
		if err := os.Chmod(path, file.Mode.Perm()); err != nil {
			return err
		}
	}
	return nil
}

// makeUKI joins Debian's kernel and systemd-stub with a command line that names
// the root hash, and an initrd that holds init.
func makeUKI(path string, p *parts, rootHash string, init []byte) error {
	stubPath, err := p.stub()
	if err != nil {
		return err
	}
	stub, err := os.ReadFile(stubPath)
	if err != nil {
		return err
	}
	kernelPath, err := p.kernel()
	if err != nil {
		return err
	}
	kernel, err := os.ReadFile(kernelPath)
	if err != nil {
		return err
	}
	initrd, err := build.CPIO([]build.File{
		{Name: "dev", Mode: fs.ModeDir | 0o755},
		{Name: "dev/console", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o600, Major: 5, Minor: 1},
		{Name: "init", Mode: 0o755, Data: init},
	})
	if err != nil {
		return err
	}
	image, err := build.UKI(stub, []build.Section{
		{Name: ".osrel", Data: []byte(osRelease)},
		{Name: ".cmdline", Data: []byte("roothash=" + rootHash + " " + production)},
		{Name: ".initrd", Data: initrd},
		{Name: ".linux", Data: kernel},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, image, 0o644)
}

// makeModel writes a model that is real in form and knows nothing: weights in the
// safetensors format, made from a fixed seed, with a configuration and a tokenizer.
func makeModel(directory string) error {
	const rows, columns = 2048, weights / 2 / 2048
	header, err := json.Marshal(map[string]any{
		"__metadata__":              map[string]string{"format": "pt", "note": "random numbers from a fixed seed"},
		"model.embed_tokens.weight": map[string]any{"dtype": "BF16", "shape": []int{rows, columns}, "data_offsets": []int{0, weights}},
	})
	if err != nil {
		return err
	}
	data := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	data = append(data, header...)
	numbers := make([]byte, weights)
	rand.NewChaCha8([32]byte([]byte("the seed of muster's demo model."))).Read(numbers)
	data = append(data, numbers...)

	config := fmt.Sprintf("{\n  \"architectures\": [\"MusterDemoForNothing\"],\n  \"hidden_size\": %d,\n  \"vocab_size\": %d,\n  \"torch_dtype\": \"bfloat16\"\n}\n", columns, rows)
	tokenizer := "{\n  \"version\": \"1.0\",\n  \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}, \"merges\": [\"a b\"]}\n}\n"
	return writeTree(directory, []build.File{
		{Name: "config.json", Mode: 0o644, Data: []byte(config)},
		{Name: "model.safetensors", Mode: 0o644, Data: data},
		{Name: "tokenizer.json", Mode: 0o644, Data: []byte(tokenizer)},
	})
}
