package namelock

import (
	"bufio"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// holderName is the variable that makes the test binary a process that takes a
// name, says so and has it until it is killed.
const holderName = "MUSTER_TEST_NAME"

func TestMain(m *testing.M) {
	if name := os.Getenv(holderName); name != "" {
		if _, err := Take(name); err != nil {
			os.Stdout.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Stdout.WriteString("held\n")
		os.Stdin.Read(make([]byte, 1)) // until it is killed, or its parent is gone
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestTake(t *testing.T) {
	name := "muster-test/" + rand.Text()
	first, err := Take(name)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Take(name); !errors.Is(err, ErrHeld) || second != nil {
		t.Fatalf("a second one: got %v, %v, want ErrHeld", second, err)
	}
	other, err := Take(name + "/other")
	if err != nil {
		t.Fatalf("another name: %v", err)
	}
	other.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Take(name)
	if err != nil {
		t.Fatalf("after it was closed: %v", err)
	}
	again.Close()
	for _, bad := range []string{"", strings.Repeat("a", 101)} {
		if _, err := Take(bad); err == nil {
			t.Errorf("a name of %d bytes was taken", len(bad))
		}
	}
}

// TestKilled: another process has the name until it is gone, whatever ended it.
func TestKilled(t *testing.T) {
	name := "muster-test/" + rand.Text()
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holderName+"="+name)
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "held\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	if _, err := Take(name); !errors.Is(err, ErrHeld) {
		t.Errorf("got %v, want ErrHeld", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	holder.Wait()
	lock, err := Take(name)
	if err != nil {
		t.Fatalf("after its process was killed: %v", err)
	}
	lock.Close()
}
