// Package bench measures what a runner costs, beside what it is compared with,
// and prints the tables of docs/performance.md. It needs `-tags bench`, Linux,
// and four minutes: `make bench`.
package bench
