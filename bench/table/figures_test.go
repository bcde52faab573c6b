package main

import (
	"strings"
	"testing"
)

const printed = `goos: linux
cpu: AMD EPYC
BenchmarkLimits/verify-2         	       5	     17353 verify/s
BenchmarkLimits/sign-2           	       5	     98765 ed25519/s	     12345 mldsa44/s
BenchmarkLimits/fsync-2          	       5	         0.1875 p50-ms
BenchmarkLimitHash-2 	 10	 2.5 all-cores-GiB/s	 1.3 GiB/s
BenchmarkSubmitToProofPaced-2	 30	 20.0 p50-ms	 16.0 tessera-p50-ms	 1.250 times-tessera
BenchmarkSubmitToProofClosedLoop-2   	      20	       100.7 p50-ms	       50 tessera-p50-ms	         2.0 times-tessera
BenchmarkSubmissions-2   	   20000	         0.1739 share-of-verify	      1443 submissions/s	     16587 verify/s
BenchmarkVerifyBundle-2   	    1000	         0.5 p50-ms	        10.00 signatures	         0.4 signatures-p50-ms	         1.25 times-signatures
BenchmarkVerifyLiveness-2   	    1000	         0.8 p50-ms	        17.00 signatures	         0.5 signatures-p50-ms	         1.6 times-signatures
BenchmarkVerifyNode-2   	    1000	         0.9 p50-ms	        18.00 signatures	         0.6 signatures-p50-ms	         1.5 times-signatures
BenchmarkGate-2   	     100	         1.5 cpu-ms
BenchmarkCachedVerdict/h2-2   	     100	         1.5 %-added	     20300 ns/judged	     20000 ns/plain
BenchmarkWitness-2   	       1	         0.9 litewitness-p50-ms	      1700 litewitness-requests/s	         0.5 p50-ms	      5000 requests/s
BenchmarkWitnessMemory-2   	       1	        77.0 peak-MiB	        70.5 resident-MiB
BenchmarkReplayAllCores-2   	    10	 99 ns/op	      5000 entries/s	         1.5 signatures/entry
BenchmarkSHA256Sum     	 3	 800 ns/op	1400.00 MB/s
BenchmarkSHA256Sum-2   	 3	 800 ns/op	1300.00 MB/s
BenchmarkModel         	 3	 800 ns/op	1500.00 MB/s	 1.012 cores
BenchmarkModel-2       	 3	 800 ns/op	2600.00 MB/s	 1.9 cores
PASS
`

func TestTable(t *testing.T) {
	found := figures{}
	found.read(printed)
	rows, err := found.rows()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"submit to proof, one a second, p50\t20.0 ms\t16.0 ms\tbare Tessera log\t1.25\tat most 1.3\theld",
		"submit to proof, closed loop, p50\t100.7 ms\t50.0 ms\tbare Tessera log\t2.01\tat most 1.3\tMISSED",
		"submissions over HTTP, 2 signatures each\t1443/s\t8676/s\tverifying pairs of signatures\t0.17\tat least 0.5\tMISSED",
		"verify a bundle, p50\t0.50 ms\t0.40 ms\tverifying its 10 signatures\t1.25\tat most 1.5\theld",
		"verify that it is live, p50\t0.80 ms\t0.50 ms\tverifying its 17 signatures\t1.60\tat most 1.5\tMISSED",
		"verify a node's answer, p50\t0.90 ms\t0.60 ms\tverifying its 18 signatures\t1.50\tat most 1.5\theld",
		"a request to a node that passed, p50\t20.3 us\t20.0 us\twithout a verdict, loopback HTTP/2\t1.01\tat most 1.02\theld",
		"a node's gate, processor time\t1.5 ms\t100 ms\tallowed, without the device mapper\t0.01\tat most 1\theld",
		"replay a log by the rules\t5000/s\t11569/s\tverifying 1.5 signatures each\t0.43\t\t",
		"measure a model of 1 GiB, one core\t1.40 GiB/s\t1.30 GiB/s\tsha256sum, one core\t1.07\tat least 1\theld",
		"measure a model of 1 GiB, two cores\t2.42 GiB/s\t1.21 GiB/s\tsha256sum, one core\t2.00\tat least 1\theld",
	}
	if len(rows) != len(want) {
		t.Fatalf("got %d rows, want %d", len(rows), len(want))
	}
	for i := range rows {
		if got := rows[i].String(); got != want[i] {
			t.Errorf("got  %q\nwant %q", got, want[i])
		}
	}
	witnessRows, err := found.witnessRows()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"cosigned over HTTP, 32 clients, 1,000 logs\t5000/s\t1700/s\tlitewitness\t2.94\tat least 3\tMISSED",
		"cosigned over HTTP, one client, p50\t0.50 ms\t0.90 ms\tlitewitness\t0.56\tat most 1\theld",
		"witness of 10,000 logs, resident memory\t70 MiB\t100 MiB\tallowed; its peak was 77 MiB\t0.70\tat most 1\theld",
	} {
		if got := witnessRows[i].String(); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	limits, err := found.limits()
	if err != nil || !strings.Contains(limits, "98765/s by Ed25519, 12345/s by ML-DSA-44") || !strings.Contains(limits, "17353") || !strings.Contains(limits, "1.30 GiB/s on one core, 2.50 on all") {
		t.Errorf("got %q, %v", limits, err)
	}
	if found.processor != "AMD EPYC" {
		t.Errorf("got processor %q", found.processor)
	}
}

// TestOneCoreIsOne: a figure of one core that two made is refused.
func TestOneCoreIsOne(t *testing.T) {
	found := figures{}
	found.read(strings.ReplaceAll(printed, "1.012 cores", "1.95 cores"))
	if _, err := found.rows(); err == nil || !strings.Contains(err.Error(), "used 1.95 cores") {
		t.Errorf("got %v", err)
	}
}

// TestBusyMachine: figures of a machine that was not free are called so.
func TestBusyMachine(t *testing.T) {
	found := figures{}
	found.read(printed) // 2.5 GiB/s together, 1.3 on one
	if busy := found.busy(2); busy != "" {
		t.Errorf("two free cores: got %q", busy)
	}
	if busy := found.busy(4); busy == "" {
		t.Error("four cores that hash like two count as free")
	}
}

// TestMissingFigure: a benchmark that did not report is an error, not a zero.
func TestMissingFigure(t *testing.T) {
	for _, gone := range []string{"BenchmarkSubmissions", "BenchmarkModel ", "BenchmarkSHA256Sum-2", "BenchmarkVerifyBundle", "BenchmarkSubmitToProofPaced"} {
		found := figures{}
		found.read(strings.ReplaceAll(printed, gone, "BenchmarkOther "))
		if _, err := found.rows(); err == nil {
			t.Errorf("no error without %s", gone)
		}
	}
}
