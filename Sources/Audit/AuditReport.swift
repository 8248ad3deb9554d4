package import Linux

/// All that a check of a log found out.
package struct AuditReport: Hashable, Sendable {
    /// Where the log begins, and why there.
    package enum Beginning: Hashable, Sendable {
        /// With the first record ever, or there are no records.
        case genesis
        /// Later: the record with this number tells that those before were removed.
        case removed(toldBy: Int64)
        /// Later, and no record tells why.
        case unexplained
    }

    package let verification: AuditVerification
    package let beginning: Beginning
    /// Seals in all, and those that were checked with a key.
    package let seals: Int64
    package let keyedSeals: Int64
    package let firstEpoch: Int64?
    package let lastEpoch: Int64?
    /// Records after the last seal; all of them where there is none.
    package let unsealed: Int64

    /// Checks files that follow each other, oldest first, in constant memory.
    ///
    /// With a head, its record must be there and be the same one: so a cut or rewritten end is found. Where the log is
    /// `live`, what comes after the head is still being written and not looked at. With keys, seals must be there and
    /// be made with them. Where the files are said to be `whole`, a beginning that nothing explains is a fault, and so is
    /// one whose seals before it are not in the file for them beside the first.
    package static func of(
        _ files: [String], head: AuditHead? = nil, live: Bool = false, keys: AuditKeyRing? = nil, whole: Bool = false
    ) throws(SystemError) -> AuditReport {
        var walk = AuditWalk(head: head, stopsAtHead: live, keys: keys)
        if whole, let first = files.first, let fault = try walk.readKeptSeals(besides: first) {
            return walk.report(fault)
        }
        for path in files {
            if let fault = try walk.read(path) { return walk.report(fault) }
            if walk.isDone { break }
        }
        return walk.report(walk.end(hasKeys: keys != nil, isWhole: whole))
    }
}
