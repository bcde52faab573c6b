package main

// heapFloor is how many bytes of garbage may pile up, beside as much as is in
// use, before it is collected. With Go's default a small log under load collects
// several times a second, and what it holds then are mostly the stacks of
// submissions that wait: a tenth of the processor's time. A share of the heap
// (GOGC) would grow with the register, this does not.
const heapFloor = 128 << 20

// ballast counts as in use, so that the collector leaves room for as much again.
// It is never touched: it takes addresses and no memory.
var ballast []byte

// layBallast makes the heap's floor.
func layBallast() {
	if ballast == nil {
		ballast = make([]byte, heapFloor)
	}
}
