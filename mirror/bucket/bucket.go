// Package bucket publishes a snapshot of a store to an object store that speaks S3, so
// that many clients, and a CDN before it, read it over plain HTTP. It is the owner of the
// S3 library.
//
//	PREFIX/mirror/... PREFIX/flat/...   the paths of the snapshot, as under STORE/current
//	PREFIX/.flatstream/state            what is published: a few hundred bytes
//	PREFIX/.flatstream/manifest-DIGEST  every object of ours, with checksum and ETag
//	PREFIX/.flatstream/lock             who publishes at the moment
//	PREFIX/.flatstream/intent           what it is about to change
//
// # Keys are paths
//
// An object store has no links, no rename, and does not answer one key with another's
// content. Clients ask for plain paths. So each path is an object of its own, and there
// is no tree of objects named by content, which would be one more copy of everything.
// Identity is by content all the same: the manifest has the checksum of each key. A
// content is uploaded once; its other paths, in flat repositories, aliases and other
// prefixes (CopyFrom), are copies made within the server, on the condition that the
// origin still has the ETag that the manifest has for it. Snapshots share their
// keys, since a package keeps its path. What is paid for is storage: a package that is in
// the mirror, in its stream's repository and in the default view is stored three times.
// The ways out were refused. Locations with ../ make dnf reposync abort, and xml:base is
// read wrongly by obs-build and not at all by bazeldnf; either would change metadata
// that may be signed. Redirects exist on AWS's website endpoint alone.
// So every client that reads a plain directory over HTTP reads a bucket. One thing is AWS's
// own: it takes a + in a URL's path for a blank, which no other server here does. DNF writes
// %2B since libdnf 0.48 (EL 8.3); for clients that do not, PlusCopies adds the names with
// blanks.
//
// # What a client can see in between
//
// A publication writes in this order: what nothing names yet (packages, metadata with a
// checksum in its name); what has a fixed name (pages, .repo files, metadata of an
// upstream that has no checksums in its names); then each repository's repomd.xml.asc and
// repomd.xml. Each step begins when the one before is done. So the new generation appears
// per repository, not at once: a single object that all clients would have to read first
// could switch everything, but no client of rpm-md does that. Each repository is old or
// new, and both are whole, since what is no longer named stays for a grace. In
// the last step, which takes one round trip per repository divided by the workers
// (100 repositories, 16 workers, 20 ms: a quarter of a second), a client may read one
// repository old and the next one new; it sees that on any mirror that is more than one
// machine. In three cases a client must try again: between the two writes of a signed
// repository its signature does not match, for one round trip; an upstream with fixed
// metadata names has a window from the second step to the third; and a package that
// changed under its own name is the new one from the second step on.
//
// Files that left the snapshot stay for grace after the first publication without them.
// They may be deleted at most up to the fraction max-delete at a time; otherwise a
// warning says so and all stay. A rollback is a publication of an earlier snapshot: what
// is within grace is still there. A tag is a prefix of its own, filled by copies.
//
// # Crashes and two publishers
//
// The lock is made only where there is none, and renewed, or taken over when its time is
// out by the server's clock, only in the version last seen (If-None-Match, If-Match). The
// state and each repomd.xml are written so too: a publisher that slept through its lease
// cannot bring back what it had in hand. A holder that ran on the same
// machine and has ended need not be waited for. Before anything changes the state is
// marked as unfinished and the intent lists the paths. Whoever finds them asks the server
// about just those paths: what was uploaded is taken as it is. Objects are deleted after the
// manifest no longer lists them and while the intent does. The server must
// implement conditional writes; AWS, Ceph, MinIO and Versity's gateway do. Whether it does
// is tried on the lock before anything else is written, and one that ignores the conditions is
// refused. One gap is left: a request to delete that a
// machine was put to sleep over, for longer than its lease, may hit a path that was taken
// into use again meanwhile; Check finds that, and Mend repairs it.
//
// Publishers of different prefixes have nothing in common, so any number of machines
// may publish different targets into one bucket; what one of them uploaded the others
// copy, when CopyFrom names its prefix.
//
// # Requests, time and money
//
// An unchanged night is one GET of the state. A changed one adds some fifteen requests, and
// one for each path that changed: a thousand changed packages in three repositories each
// are 3,000 PUTs and copies. No key is ever listed, but after a crash the manifests, and the
// uploads in parts that it left.
//
// The first publication of 1 TB in 10^6 packages of 1 MB, on 3 paths each (AWS's list
// prices: $0.005 for 1,000 PUTs or copies, $0.0004 for 1,000 GETs, $0.023 for a GB and
// month):
//
//	requests   10^6 PUT + 2*10^6 COPY = 3*10^6 * $0.005/1000     = $15, once
//	storage    3 TB * $23                                        = $69 a month (1 TB would be $23)
//	time       1 TB at 1 Gbit/s = 8,000 s; 3*10^6 requests of 50 ms by 64 workers = 2,340 s;
//	           together under 3 hours, bound by the line
//	night      1 GET = $0.0000004; changed, 1 %: 30,000 requests = $0.15, 10 GB in 80 s
//	clients    10^4 clients * 1 repomd.xml an hour = 240,000 GETs a day = $0.10;
//	           10^4 * 100 packages a day = 10^6 GETs = $0.40 and 1 TB out, $90 from AWS
//	           without a CDN: the traffic is what costs, so put a CDN before it
//
// Memory is 1.3 KB for each path (100,000 of them: 131 MB): 4 GB for those 3*10^6. File
// contents are sent from disk and never held: an object of 5 GB takes 32 MB.
package bucket
