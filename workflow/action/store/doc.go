// Package store keeps the repositories that actions come from, on disk, for all
// jobs of a machine: each commit is fetched once, however many jobs in however
// many processes want it at the same moment.
//
// # Layout
//
//	entries/<name>/entry.json   what the entry is; its time is that of its last use
//	entries/<name>/tree/        the files of the commit, read-only
//	locks/<name>                shared by who uses the entry, exclusive to make or remove it
//	refs/<hash>                 what a branch or tag led to last, for the offline mode
//	temp/<random>[.lock]        what is being fetched or removed, locked by who does it
//	evict.lock                  who removes entries
//
// An entry is made in temp and renamed: it is whole or not there. A commit's
// name is the proof of its files, so that an entry never gets old. What a
// branch or tag leads to is asked anew for every job.
//
// # Who may see what
//
// What could be fetched without a password is shared by all jobs. Servers are
// therefore asked without one first, which costs private repositories a request
// and keeps the token of a job out of all others. Only when the server refuses,
// and only to the job's own instance (scheme, host, port and what path it has, as
// the registration names it or as it names itself, unless that would be without
// encryption where the registration has it), the job's token is sent; what it opened is kept for that instance and the job's
// repository, whose rights the token has. The same goes for SSH, where the
// runner's own keys are used. Names of entries cannot be listed or guessed by
// other users of the machine, as they depend on the commit.
package store
