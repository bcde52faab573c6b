package faultdisk_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/ncruces/go-sqlite3/driver"

	"github.com/muster-log/muster/witness/state/faultdisk"
)

// TestFullOutlivesPowerLoss and TestOffDoesNot are the disk's own proof: what
// SQLite promises it keeps on this disk at every step, and what SQLite does
// not promise this disk takes away.
func TestFullOutlivesPowerLoss(t *testing.T) {
	if lost := losses(t, "full", faultdisk.Cut); lost != 0 {
		t.Errorf("with synchronous FULL %d power losses took a commit away", lost)
	}
}

func TestOffDoesNot(t *testing.T) {
	if lost := losses(t, "off", faultdisk.Cut); lost == 0 {
		t.Error("with synchronous OFF no power loss took a commit away")
	}
	if lost := losses(t, "off", faultdisk.Kill); lost != 0 {
		t.Errorf("with synchronous OFF %d ends of the process took a commit away, which the page cache outlives", lost)
	}
}

func TestLyingDiskLoses(t *testing.T) {
	if lost := losses(t, "full", faultdisk.Lie); lost == 0 {
		t.Error("a disk whose syncs do nothing lost nothing")
	}
}

// losses counts the steps at which an end of that kind takes away a commit
// that had succeeded.
func losses(t *testing.T, synchronous string, effect faultdisk.Effect) (lost int) {
	t.Helper()
	for step := 1; ; step++ {
		disk, err := faultdisk.New(tempDir(t), 1, faultdisk.Fault{Effect: effect, Step: step})
		if err != nil {
			t.Fatal(err)
		}
		committed := commits(disk, synchronous)
		if _, fired := disk.Fired(); !fired {
			disk.Close()
			return lost
		}
		left := tempDir(t)
		if err := disk.Leave(left); err != nil {
			t.Fatal(err)
		}
		disk.Close()
		if got := count(left); got < committed {
			lost++
		}
	}
}

// commits makes some transactions, with checkpoints between them, and returns
// how many succeeded one after the other.
func commits(disk *faultdisk.Disk, synchronous string) (committed int) {
	db, err := sql.Open("sqlite3", fmt.Sprintf("file:%s?vfs=%s&_pragma=journal_mode(wal)&_pragma=synchronous(%s)&_pragma=wal_autocheckpoint(4)",
		disk.Path("test.db"), disk.VFS(), synchronous))
	if err != nil {
		return 0
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE t (n INTEGER, filler BLOB)"); err != nil {
		return 0
	}
	for n := range 4 {
		if _, err := db.Exec("INSERT INTO t VALUES (?, randomblob(3000))", n); err != nil {
			return committed
		}
		committed++
	}
	return committed
}

// count reads how many transactions a directory holds, -1 if they are not the
// first ones or the database is damaged.
func count(directory string) int {
	path := filepath.Join(directory, "test.db")
	if _, err := os.Stat(path); err != nil {
		return 0
	}
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		return -1
	}
	defer db.Close()
	var check string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&check); err != nil || check != "ok" {
		return -1
	}
	var tables, rows, last int
	if err := db.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil || tables == 0 {
		return 0
	}
	if err := db.QueryRow("SELECT count(*), ifnull(max(n), -1) FROM t").Scan(&rows, &last); err != nil || last != rows-1 {
		return -1
	}
	return rows
}
