internal import Linux
internal import MIG

/// What a record is for, and so what is done for it.
enum AuditPurpose {
    /// A change is about to be made. On disk before the call returns; refused when only the reserve is left.
    case change
    /// Something is about to be ended. On disk; the reserve is there for it.
    case ending
    /// Something has happened. On disk; one that cannot be written is kept and written before anything else.
    case event
    /// A count of denials. Need not be on disk at once, and never touches the reserve.
    case tally

    var isDurable: Bool { self != .tally }
    var mayUseReserve: Bool { self == .ending || self == .event }
}

/// The one writer of a log: chain, current segment, and what is still to be written. Not for two threads at once.
struct AuditWriter: ~Copyable {
    /// A record with the moment it tells of.
    private struct Pending {
        let record: AuditRecord
        let stamp: AuditStamp
    }

    /// Records kept while the log cannot be written; the ends of all leases of a machine are far fewer.
    private static let owedLength = 4096
    /// A step of the wall clock that is worth a record, in nanoseconds.
    private static let clockStep: Int64 = 1_000_000_000

    private let directory: String
    private let clock: AuditClock
    private let reserve: Int64
    /// Holds the lock that keeps other writers out.
    private var lock: FileDescriptor?
    /// The last record written; where it is a count of denials, it may not be on disk yet.
    private(set) var head: AuditHead
    private var segment: AuditSegment?
    /// Of the newest segment; 0 before the first.
    private var number: Int
    /// What the first batch of a new segment begins with.
    private var opening: [Pending] = []
    private var owed: [Pending] = []
    private var lostCount = 0
    /// The moment that steps of the clock are measured from.
    private var reference: AuditStamp
    private var trouble: AuditUnavailable?
    private var isClosed = false
    /// Whether what is written is kept for `takeWritten`.
    var isFollowed = false
    private var written: [AuditEntry] = []

    /// Opens the log of a directory, or begins one there. Blocks on the disk.
    ///
    /// A torn last line is cut off; damage is left as it is, and a new segment begins after it. Both become `gap`
    /// records ahead of the first record written.
    init(
        in directory: String, expecting known: AuditHead?, reserve: Int64, clock: AuditClock
    ) throws(AuditUnavailable) {
        let lock: FileDescriptor? = try Self.lock(directory)
        var ending = try AuditEnding(in: directory)
        ending.extend(to: known)
        for (path, end) in ending.torn { _ = try AuditSegment.open(path, end: end) }
        var segment: AuditSegment?
        if let current = ending.current { segment = try AuditSegment.open(current.path, end: current.end) }
        let now = clock.now()
        self.directory = directory
        self.clock = clock
        self.reserve = reserve
        self.lock = lock
        self.segment = segment
        head = ending.head
        number = ending.number
        reference = ending.last ?? now
        if ending.beginsSegment { opening = [Pending(record: .continuing(), stamp: now)] }
        owed = ending.gaps.map { Pending(record: $0, stamp: now) }
    }

    var health: AuditHealth {
        switch trouble {
        case nil: .writable
        case .diskFull?: .reserveOnly
        case let error?: .unwritable(error)
        }
    }

    /// Appends records in one write, all or none, after whatever is owed.
    mutating func write(_ records: [AuditRecord], _ purpose: AuditPurpose) throws(AuditUnavailable) {
        guard !isClosed else { throw .closed }
        let now = clock.now()
        noteClockStep(now)
        let new = records.map { Pending(record: $0, stamp: now) }
        do throws(AuditUnavailable) {
            try prepareSegment(now)
            try append(new, purpose, now)
        } catch {
            if purpose == .event { owe(new) }
            noteTrouble(error, now)
            throw error
        }
    }

    /// Writes the last records, gives the reserve and the lock back and takes no more.
    mutating func close(with records: [AuditRecord]) throws(AuditUnavailable) {
        try write(records, .event)
        isClosed = true
        do throws(SystemError) {
            try segment?.releaseReserve()
        } catch {
            throw .system(error)
        }
        segment = nil
        lock = nil
    }

    private mutating func append(
        _ new: [Pending], _ purpose: AuditPurpose, _ now: AuditStamp
    ) throws(AuditUnavailable) {
        guard segment != nil else { preconditionFailure("a segment is prepared before anything is appended") }
        var batch = opening + owed
        if lostCount > 0 { batch.append(Pending(record: .lost(lostCount), stamp: now)) }
        // The reserve lets the ends of changes through while the disk is still full.
        let endsTrouble = trouble != nil && (trouble != .diskFull || !purpose.mayUseReserve)
        if endsTrouble { batch.append(Pending(record: .health("the log can be written again"), stamp: now)) }
        let isDurable = purpose.isDurable || !batch.isEmpty
        batch += new
        var chain = AuditChain(after: head)
        var bytes: [UInt8] = []
        var entries: [AuditEntry] = []
        for pending in batch {
            let prev = chain.hash
            bytes += chain.link(pending.record, pending.stamp)
            guard isFollowed else { continue }
            entries.append(
                AuditEntry(seq: chain.seq, stamp: pending.stamp, record: pending.record, prev: prev, hash: chain.hash))
        }
        if !purpose.mayUseReserve { try makeRoom(for: bytes.count) }
        do throws(SystemError) {
            try segment?.append(bytes, durably: isDurable)
        } catch {
            if segment?.isSpoiled == true { leaveSegment("could not be written: \(error.code)", now) }
            throw .system(error)
        }
        head = AuditHead(
            seq: chain.seq, hash: chain.hash, segment: AuditSegments.name(number), offset: segment?.end ?? 0)
        opening = []
        owed = []
        lostCount = 0
        written += entries
        if endsTrouble { trouble = nil }
    }

    /// Hands out what was written since the last time, in its order.
    mutating func takeWritten() -> [AuditEntry] {
        defer { written = [] }
        return written
    }

    /// Refuses a batch that would leave less than the reserve.
    private mutating func makeRoom(for count: Int) throws(AuditUnavailable) {
        do throws(SystemError) {
            try segment?.reserve(Int64(count) + reserve)
        } catch {
            throw [.noSpace, .quota, .fileTooBig].contains(error.code) ? .diskFull : .system(error)
        }
    }

    /// Makes sure that the next record goes where the last one is, or into a new segment that says why.
    private mutating func prepareSegment(_ now: AuditStamp) throws(AuditUnavailable) {
        do throws(SystemError) {
            if let change = try segment?.foreignChange() { leaveSegment(change, now) }
        } catch {
            throw .system(error)
        }
        guard segment == nil else { return }
        var failure = AuditUnavailable.closed
        // A name that is taken was not made by us: whatever it is, the next one is as good.
        for candidate in number + 1...number + 16 {
            do throws(AuditUnavailable) {
                segment = try AuditSegment.create("\(directory)/\(AuditSegments.name(candidate))")
                number = candidate
                return
            } catch {
                failure = error
                guard case .unsafePath(let unsafe) = error, unsafe.problem == .system(.exists) else { break }
            }
        }
        throw failure
    }

    private mutating func leaveSegment(_ reason: String, _ now: AuditStamp) {
        guard let left = segment.take() else { return }
        if left.end == 0, left.isSpoiled {
            // Nothing was ever written there: the next try uses the name again, where it can be removed.
            if (try? Files.remove(left.path)) != nil { number -= 1 }
        }
        guard opening.isEmpty else { return }
        let name = Files.name(of: left.path)
        opening = [AuditRecord.continuing(name), .health("\(name) \(reason)")].map { Pending(record: $0, stamp: now) }
    }

    private mutating func noteClockStep(_ now: AuditStamp) {
        guard let step = now.step(since: reference) else {
            reference = now
            return
        }
        guard step.magnitude > Self.clockStep.magnitude else { return }
        reference = now
        var record = AuditRecord(.clock)
        record.reason = "the wall clock was stepped"
        record.params = "stepUs=\(step / 1000)"
        owe([Pending(record: record, stamp: now)])
    }

    private mutating func noteTrouble(_ error: AuditUnavailable, _ now: AuditStamp) {
        guard error != trouble else { return }
        trouble = error
        guard error == .diskFull else { return owe([Pending(record: .health(error.description), stamp: now)]) }
        owe([Pending(record: AuditRecord(.diskFull), stamp: now)])
        do throws(AuditUnavailable) {
            try append([], .event, now)
        } catch {
            // The record stays owed; that not even the reserve is left is what there is to know.
            trouble = error
        }
    }

    private mutating func owe(_ records: [Pending]) {
        let room = Self.owedLength - owed.count
        owed += records.prefix(room)
        lostCount += max(0, records.count - room)
    }

    private static func lock(_ directory: String) throws(AuditUnavailable) -> FileDescriptor {
        let lock = try AuditUnavailable.safe { () throws(SafePathError) in try SafePath.openDirectory(directory) }
        let isFree = try AuditUnavailable.system { () throws(SystemError) in try lock.tryLock(exclusively: true) }
        guard isFree else { throw .inUse }
        return lock
    }
}

extension AuditRecord {
    /// The first record of a segment that follows another.
    fileprivate static func continuing(_ previous: String? = nil) -> AuditRecord {
        var record = AuditRecord(.continue)
        record.params = previous.map { "previous=\($0)" }
        return record
    }

    fileprivate static func health(_ reason: String) -> AuditRecord {
        var record = AuditRecord(.health)
        record.reason = reason
        return record
    }

    fileprivate static func lost(_ count: Int) -> AuditRecord {
        var record = AuditRecord(.gap)
        record.reason = "records could not be written for too long and were lost"
        record.count = Int64(count)
        return record
    }
}
