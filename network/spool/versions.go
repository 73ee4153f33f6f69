package spool

// SentVersion is the version of what StoreSent writes; LoadSent reads the one
// before as well.
const SentVersion = sentVersion
