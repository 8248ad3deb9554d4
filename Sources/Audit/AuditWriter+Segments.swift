internal import Linux
internal import MIG

/// Which file is written, and when another one begins.
extension AuditWriter {
    /// Makes sure that the next record goes where the last one is, or into a new segment that says why.
    mutating func prepareSegment(_ now: AuditStamp) throws(AuditUnavailable) {
        do throws(SystemError) {
            if let change = try segment?.foreignChange() { leaveSegment(change, now) }
        } catch {
            throw .system(error)
        }
        // Upkeep rotates between two changes; this is for a log that grows faster than that.
        if segment?.end ?? 0 >= settings.segmentBytes + settings.segmentBytes / 8 { rotateIfPossible(now) }
        guard segment == nil else { return }
        var number = number
        segment = try nextSegment(&number)
        self.number = number
        times = AuditTimes()
    }

    /// Makes the file that comes after the newest, and says which number it has.
    ///
    /// A name that is taken was not made by us: whatever it is, the next one is as good.
    private func nextSegment(_ number: inout Int) throws(AuditUnavailable) -> AuditSegment {
        var failure = AuditUnavailable.closed
        for candidate in number + 1...number + 16 {
            do throws(AuditUnavailable) {
                let segment = try AuditSegment.create("\(directory)/\(AuditSegments.name(candidate))")
                number = candidate
                return segment
            } catch {
                failure = error
                guard case .unsafePath(let unsafe) = error, unsafe.problem == .system(.exists) else { break }
            }
        }
        throw failure
    }

    mutating func leaveSegment(_ reason: String, _ now: AuditStamp) {
        guard let left = segment.take() else { return }
        if left.end == 0, left.isSpoiled {
            // Nothing was ever written there: the next try uses the name again, where it can be removed.
            if (try? Files.remove(left.path)) != nil { number -= 1 }
        }
        guard opening.isEmpty else { return }
        let name = Files.name(of: left.path)
        opening = [AuditRecord.continuing(name), .health("\(name) \(reason)")].map { Pending(record: $0, stamp: now) }
    }

    // MARK: - Rotation

    /// Whether the segment is so large or so old that another one should follow it.
    private mutating func isRotationDue(_ now: AuditStamp) -> Bool {
        guard let end = segment?.end, end > 0, opening.isEmpty, now.monotonicNs >= nextRotation else { return false }
        let isOld = times.first.map { now.time.isPast($0, by: settings.segmentSeconds) } ?? false
        return end >= settings.segmentBytes || isOld
    }

    /// Rotates; where that fails, the log goes on in the segment that it has, and tries again ten seconds later.
    mutating func rotateIfPossible(_ now: AuditStamp) {
        guard isRotationDue(now) else { return }
        do throws(AuditUnavailable) {
            try rotate(now)
        } catch {
            nextRotation = now.monotonicNs + 10_000_000_000
            // A disk that is full shows when it is written to; anything else is worth a record.
            guard error != .diskFull else { return }
            owe([Pending(record: .health("the segment could not be rotated: \(error)"), stamp: now)])
        }
    }

    /// Ends the segment and goes on in another one, in an order that a crash or a full disk can break off anywhere: the
    /// next file is there with its reserve before the last record names it, and the old reserve is given back last.
    private mutating func rotate(_ now: AuditStamp) throws(AuditUnavailable) {
        var number = number
        var next = try nextSegment(&number)
        var record = AuditRecord(.rotate)
        do throws(SystemError) {
            try next.reserve(reserve)
            if times.unknownEnd > 0, let path = segment?.path,
                let past = try AuditTimes.read(path, to: times.unknownEnd)
            {
                times.complete(with: past)
            }
        } catch {
            drop(next)
            throw error.isFullDisk ? .diskFull : .system(error)
        }
        // Its own record is one of the segment's.
        times.add(now.time)
        record.params = "next=\(AuditSegments.name(number))" + (times.text.map { " \($0)" } ?? "")
        do throws(AuditUnavailable) {
            try append([Pending(record: record, stamp: now)], .event, now, .before)
        } catch {
            drop(next)
            throw error
        }
        guard var old = segment.take() else { preconditionFailure("a segment that was written is there") }
        opening = [Pending(record: .continuing(Files.name(of: old.path)), stamp: now)]
        segment = consume next
        self.number = number
        times = AuditTimes()
        // Blocks that stay reserved are given back by the next start.
        try? old.releaseReserve()
    }

    /// Takes a file back that nothing was written to. Where that fails, its name is passed over.
    private func drop(_ segment: consuming AuditSegment) { try? Files.remove(segment.path) }
}
