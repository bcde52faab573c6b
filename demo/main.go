package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/muster-log/muster/internal/process"
)

// options are the flags.
type options struct {
	bin, state, model, readme string
	once                      bool
}

func main() {
	// The servers end with the thread that starts them: this one, until the end.
	runtime.LockOSThread()
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "the directory of the built programs")
	flag.StringVar(&o.state, "state", ".state", "the directory for downloads and for what the demo makes")
	flag.StringVar(&o.model, "model", "", "the directory of a model to take, instead of one that is made")
	flag.StringVar(&o.readme, "readme", "", "compare the excerpt in this file with what was printed")
	flag.BoolVar(&o.once, "once", false, "end after the last step, instead of serving on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	interrupted := ctx.Err() != nil
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n", err)
		if interrupted {
			os.Exit(130) // as shells have it
		}
		os.Exit(1)
	}
}

// run goes through the steps. Whatever happens, no server is left behind.
func run(ctx context.Context, o options) (err error) {
	d, err := newDemo(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop(), d.stopNodes(), os.RemoveAll(d.sockets)) }()
	began := time.Now()
	for _, step := range steps {
		d.title(step.title)
		if err := step.run(d); err != nil && ctx.Err() != nil {
			return fmt.Errorf("interrupted in step %d\nwhat this run made is in %s", d.step, d.run)
		} else if err != nil {
			return fmt.Errorf("step %d, %q, did not hold: %w\nwhat this run made is in %s", d.step, step.title, err, d.run)
		}
	}
	d.line(green, "\nAll %d steps held, in %.1f seconds.", d.step, time.Since(began).Seconds())
	if o.readme != "" && o.model == "" {
		if err := compareReadme(o.readme, d.kept.String()); err != nil {
			return err
		}
	}
	if o.once {
		return nil
	}
	d.line("0", "")
	if err := d.startAll(); err != nil {
		return err
	}
	d.next()
	return d.wait()
}

// newDemo makes the directory of a run.
func newDemo(ctx context.Context, o options) (*demo, error) {
	d := &demo{page: newPage(os.Stdout), ctx: ctx, addresses: map[string]string{}}
	for _, path := range []struct {
		to   *string
		from string
	}{{&d.bin, o.bin}, {&d.state, o.state}, {&d.model, o.model}} {
		if path.from == "" {
			continue
		}
		absolute, err := filepath.Abs(path.from)
		if err != nil {
			return nil, err
		}
		*path.to = absolute
	}
	if d.model != "" {
		info, err := os.Stat(d.model)
		if err != nil {
			return nil, fmt.Errorf("the model: %w; want a directory with its files", err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("the model: %s is a file; want the directory that it lies in", d.model)
		}
	}
	runs := filepath.Join(d.state, "demo")
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return nil, err
	}
	var err error
	d.run, err = os.MkdirTemp(runs, time.Now().UTC().Format("20060102-150405-"))
	if err != nil {
		return nil, err
	}
	if d.sockets, err = os.MkdirTemp("", "muster-demo-"); err != nil {
		return nil, err
	}
	// Others may look at what is public; keys have modes of their own.
	return d, os.Chmod(d.run, 0o755)
}

// wait serves until a signal, or until a server ends by itself.
func (d *demo) wait() error {
	ended := make(chan *process.Server, len(d.servers))
	for _, server := range d.servers {
		go func() {
			<-server.Ended()
			ended <- server
		}()
	}
	select {
	case <-d.ctx.Done():
		d.line("0", "\nstopping")
		return nil
	case server := <-ended:
		return fmt.Errorf("%s ended by itself: %w", server.Name, server.Stop())
	}
}
