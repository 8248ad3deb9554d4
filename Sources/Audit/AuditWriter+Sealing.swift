internal import Linux
internal import MIG

/// The log's key, and what becomes of it.
extension AuditWriter {
    /// Finds the key that the log goes on with. What is wrong with it is told by a record, never by refusing to work: a
    /// stolen or lost key must not be a way to stop the broker.
    mutating func takeKey(_ now: AuditStamp) {
        guard let path = settings.keyFile else { return }
        // A log whose end cannot be read was not opened; then what lies further back is as good as not there.
        let last = try? FoundSeal.last(in: directory)
        lastSeal = last?.seq
        let file = AuditKeyFile(path: path)
        var problems: [String] = []
        do throws(AuditKeyError) {
            if let key = try file.load() {
                sealer = AuditSealer(key, last, head: head.seq, file, &problems)
            } else if last != nil {
                problems.append("the audit key is gone: records are not sealed any more")
                sealing = .lost("the key is gone")
            }
        } catch {
            problems.append("the audit key cannot be used, and records are not sealed: \(error)")
            sealing = .lost(error.description)
        }
        noteSealing()
        owe(problems.map { Pending(record: .health($0), stamp: now) })
        storeKey(now)
    }

    /// Puts the running epoch's key on disk, in the place of one whose epoch is sealed.
    mutating func storeKey(_ now: AuditStamp) {
        do throws(SystemError) {
            try sealer?.store()
            storeProblem = nil
        } catch {
            // Until it succeeds the old key is there for whoever becomes root: an auditor has to know.
            guard storeProblem != error else { return }
            storeProblem = error
            owe([Pending(record: .health("the audit key could not be replaced: \(error)"), stamp: now)])
        }
    }

    /// Lets readers know which epoch runs.
    mutating func noteSealing() {
        guard let sealer else { return }
        sealing = .running(epoch: sealer.key.epoch)
        if sealer.lastSeal <= head.seq, sealer.key.epoch > 0 { lastSeal = sealer.lastSeal }
    }

    /// Seals the log for the first time, or anew after the loss of its key, and stores the next epoch's key.
    ///
    /// - Returns: the key of the seal, which is nowhere else.
    mutating func beginSealing(_ keyFile: String) throws(AuditUnavailable) -> AuditKey {
        let last = try FoundSeal.last(in: directory)
        let now = clock.now()
        try prepareSegment(now)
        let first = AuditKey.random(epoch: (last?.epoch ?? -1) + 1)
        sealer = AuditSealer(first, after: head.seq, AuditKeyFile(path: keyFile))
        try append([], .change, now, .after, sealReason: "a key was made: the log is sealed from here on")
        try AuditUnavailable.system { () throws(SystemError) in try sealer?.store() }
        return first
    }
}
