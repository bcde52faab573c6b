package measure

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/progress"
)

// benchSize is what each benchmark measures: 1 GiB, in 8 files for a model.
const (
	benchSize  = 1 << 30
	benchFiles = 8
)

// benchDir holds the files of the benchmarks, made once: model/0 to model/7, and
// image, an erofs image under dm-verity.
var benchDir = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "measure-bench-")
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(filepath.Join(dir, "model"), 0o755); err != nil {
		return "", err
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range benchFiles {
		file, err := os.Create(filepath.Join(dir, "model", fmt.Sprint(i)))
		if err != nil {
			return "", err
		}
		out := bufio.NewWriterSize(file, 1<<20)
		var word [8]byte
		for range benchSize / benchFiles / 8 {
			value := random.Uint64()
			for j := range word {
				word[j] = byte(value >> (8 * j))
			}
			out.Write(word[:])
		}
		if err := out.Flush(); err != nil {
			return "", err
		}
		file.Close()
	}
	_, err = Model(context.Background(), ModelOptions{Dir: filepath.Join(dir, "model"), Image: filepath.Join(dir, "image")}, progress.None())
	return dir, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if benchMade {
		if dir, _ := benchDir(); dir != "" {
			os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

var benchMade bool

// bench runs work on as many cores as the environment's GOMAXPROCS says. It is not
// for go test's -cpu: of a benchmark with b.Loop the first value there is not in
// force yet when it runs. The metric cores is the processor time had for each
// second: below what was asked for, either the work does not divide or something
// else had the machine.
func bench(b *testing.B, work func(dir string) error) {
	b.Helper()
	benchMade = true
	dir, err := benchDir()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(benchSize)
	before := processorTime(b)
	for b.Loop() {
		if err := work(dir); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((processorTime(b)-before).Seconds()/b.Elapsed().Seconds(), "cores")
}

// processorTime is what this process and the programs that it ran have had.
func processorTime(b *testing.B) (total time.Duration) {
	b.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if err := syscall.Getrusage(who, &usage); err != nil {
			b.Fatal(err)
		}
		total += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return total
}

// BenchmarkSHA256Sum is what the others are compared with: coreutils' program
// over the same bytes.
func BenchmarkSHA256Sum(b *testing.B) {
	bench(b, func(dir string) error { return exec.Command("sha256sum", filepath.Join(dir, "image")).Run() })
}

func BenchmarkFile(b *testing.B) {
	bench(b, func(dir string) error {
		_, err := File(context.Background(), filepath.Join(dir, "image"), MediaTypeFile, progress.None())
		return err
	})
}

// BenchmarkVerity hashes every byte twice: for the tree, and as an artifact.
func BenchmarkVerity(b *testing.B) {
	bench(b, func(dir string) error {
		_, err := Verity(context.Background(), VerityOptions{Image: filepath.Join(dir, "image"), Offset: FindOffset}, progress.None())
		return err
	})
}

func BenchmarkModel(b *testing.B) {
	bench(b, func(dir string) error {
		_, err := Model(context.Background(), ModelOptions{Dir: filepath.Join(dir, "model")}, progress.None())
		return err
	})
}
