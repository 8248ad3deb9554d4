internal import Linux
internal import MIG

/// What the log does between writes.
extension AuditWriter {
    /// Writes what waits, seals, rotates and replaces the key, as far as any of it is due.
    ///
    /// A log that could not be written is tried again, so that it recovers without anybody asking for a change.
    mutating func tend() throws(AuditUnavailable) {
        guard !isClosed else { return }
        let now = clock.now()
        noteClockStep(now)
        do throws(AuditUnavailable) {
            try prepareSegment(now)
            let isSealDue =
                sealer.map { $0.isOver(after: head.seq, at: now.monotonicNs) || $0.isFull(head.seq) } ?? false
            // An empty segment may wait for its first record; one that has more to say may not.
            if trouble != nil || !owed.isEmpty || opening.count > 1 || isSealDue {
                try append([], .change, now, isSealDue ? .after : .ifDue)
            }
            rotateIfPossible(now)
        } catch {
            noteTrouble(error, now)
            throw error
        }
        storeKey(now)
    }
}
