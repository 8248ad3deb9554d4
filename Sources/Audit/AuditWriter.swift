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
///
/// Everything that is written goes through `append`, one write a call; segments, seals and upkeep are in files of their
/// own.
struct AuditWriter: ~Copyable {
    /// Where a batch ends an epoch besides where it has to.
    enum SealPlace {
        case ifDue
        /// Before the new records, and after them.
        case before, after
    }

    /// Records kept while the log cannot be written; the ends of all leases of a machine are far fewer.
    private static let owedLength = 4096
    /// A step of the wall clock that is worth a record, in nanoseconds.
    private static let clockStep: Int64 = 1_000_000_000

    let directory: String
    let clock: AuditClock
    let reserve: Int64
    let settings: AuditSettings
    /// Holds the lock that keeps other writers out.
    private var lock: FileDescriptor?
    /// The last record written; where it is a count of denials, it may not be on disk yet.
    private(set) var head: AuditHead
    var segment: AuditSegment?
    /// Of the newest segment; 0 before the first.
    var number: Int
    /// Of the current segment's records.
    var times: AuditTimes
    /// What the first batch of a new segment begins with.
    var opening: [Pending] = []
    private(set) var owed: [Pending] = []
    private var lostCount = 0
    var sealer: AuditSealer?
    var sealing: AuditSealing = .none
    /// The number of the last seal, also where its key is lost; nil for a log that was never sealed.
    var lastSeal: Int64?
    /// Why the running epoch's key is not on disk.
    var storeProblem: SystemError?
    /// The moment that steps of the clock are measured from.
    private var reference: AuditStamp
    /// On the boot's clock: nothing is judged by its age before that, for the wall clock may not be right yet.
    private(set) var settledAt: Int64
    /// On the boot's clock: when a rotation that failed is tried again, and when old segments are looked for again.
    var nextRotation: Int64 = 0
    var nextRemoval: Int64 = 0
    private(set) var trouble: AuditUnavailable?
    private(set) var isClosed = false
    /// Whether what is written is kept for `takeWritten`.
    var isFollowed = false
    private var written: [AuditEntry] = []

    /// Opens the log of a directory, or begins one there. Blocks on the disk.
    ///
    /// A torn last line is cut off; damage is left as it is, and a new segment begins after it. Both become `gap`
    /// records ahead of the first record written. A key that cannot be used never keeps the log from being opened.
    init(
        in directory: String, expecting known: AuditHead?, reserve: Int64, settings: AuditSettings, clock: AuditClock
    ) throws(AuditUnavailable) {
        let lock: FileDescriptor? = try Self.lock(directory)
        var ending = try AuditEnding(in: directory)
        ending.extend(to: known)
        for (path, end) in ending.ended {
            var older = try AuditSegment.open(path, end: end)
            try AuditUnavailable.system { () throws(SystemError) in try older.releaseReserve() }
        }
        var segment: AuditSegment?
        var times = AuditTimes()
        if let current = ending.current {
            segment = try AuditSegment.open(current.path, end: current.end)
            times = AuditTimes(of: current.path, end: current.end)
        }
        let now = clock.now()
        self.directory = directory
        self.clock = clock
        self.reserve = reserve
        self.settings = settings
        self.lock = lock
        self.segment = segment
        self.times = times
        head = ending.head
        number = ending.number
        reference = ending.last ?? now
        settledAt = Self.settling
        if ending.beginsSegment {
            opening = [Pending(record: .continuing(ending.head.segment), stamp: now)]
        }
        owed = ending.gaps.map { Pending(record: $0, stamp: now) }
        takeKey(now)
    }

    var health: AuditHealth {
        switch trouble {
        case nil: .writable
        case .diskFull?: .reserveOnly
        case let error?: .unwritable(error)
        }
    }

    /// Appends records in one write, all or none, after whatever is owed.
    mutating func write(
        _ records: [AuditRecord], _ purpose: AuditPurpose, seal: SealPlace = .ifDue
    ) throws(AuditUnavailable) {
        guard !isClosed else { throw .closed }
        let now = clock.now()
        noteClockStep(now)
        let new = records.map { Pending(record: $0, stamp: now) }
        do throws(AuditUnavailable) {
            try prepareSegment(now)
            try append(new, purpose, now, seal)
        } catch {
            if purpose == .event { owe(new) }
            noteTrouble(error, now)
            throw error
        }
    }

    /// Writes the last records and the last seal, gives the reserve and the lock back and takes no more.
    mutating func close(with records: [AuditRecord]) throws(AuditUnavailable) {
        try write(records, .event, seal: .after)
        isClosed = true
        defer { lock = nil }
        // A key that cannot be stored now is brought up to the seal by the next start.
        do throws(SystemError) { try sealer?.store() } catch { sealer = nil }
        sealer = nil
        guard var last = segment.take() else { return }
        try AuditUnavailable.system { () throws(SystemError) in try last.releaseReserve() }
    }

    /// Puts everything that waits and then these records into the current segment.
    mutating func append(
        _ new: [Pending], _ purpose: AuditPurpose, _ now: AuditStamp, _ place: SealPlace = .ifDue,
        sealReason: String? = nil
    ) throws(AuditUnavailable) {
        guard segment != nil else { preconditionFailure("a segment is prepared before anything is appended") }
        // The reserve lets the ends of changes through while the disk is still full.
        let endsTrouble = trouble != nil && (trouble != .diskFull || !purpose.mayUseReserve)
        let draft = draft(new, now, place, endsTrouble: endsTrouble, sealReason)
        if draft.bytes.isEmpty { return }
        do throws(AuditUnavailable) {
            if !purpose.mayUseReserve { try makeRoom(for: draft.bytes.count) }
            let isDurable = purpose.isDurable || draft.hasSeal || draft.times.count > new.count
            try put(draft.bytes, durably: isDurable, now)
        } catch {
            sealer?.abandon()
            throw error
        }
        head = AuditHead(
            seq: draft.chain.seq, hash: draft.chain.hash, segment: AuditSegments.name(number),
            offset: segment?.end ?? 0)
        for time in draft.times { times.add(time) }
        sealer?.commit(head.seq, at: now.monotonicNs)
        noteSealing()
        opening = []
        owed = []
        lostCount = 0
        written += draft.entries
        if endsTrouble { trouble = nil }
    }

    /// Hands out what was written since the last time, in its order.
    mutating func takeWritten() -> [AuditEntry] {
        defer { written = [] }
        return written
    }

    /// The lines of one write: what opens the segment, what is owed, what is new, and seals where they belong.
    private mutating func draft(
        _ new: [Pending], _ now: AuditStamp, _ place: SealPlace, endsTrouble: Bool, _ sealReason: String?
    ) -> AuditDraft {
        var rest = owed
        if lostCount > 0 { rest.append(Pending(record: .lost(lostCount), stamp: now)) }
        if endsTrouble { rest.append(Pending(record: .health("the log can be written again"), stamp: now)) }
        var draft = AuditDraft(after: head, isFollowed: isFollowed)
        for pending in opening { draft.add(pending) }
        if sealer?.isOver(after: head.seq, at: now.monotonicNs) == true { draft.seal(&sealer, now) }
        for (index, pending) in (rest + new).enumerated() {
            let isDue = sealer?.mustSeal(after: draft.chain.seq) == true || place == .before && index == rest.count
            if isDue { draft.seal(&sealer, now) }
            draft.add(pending)
        }
        if place == .after { draft.seal(&sealer, now, sealReason) }
        return draft
    }

    private mutating func put(_ bytes: [UInt8], durably: Bool, _ now: AuditStamp) throws(AuditUnavailable) {
        do throws(SystemError) {
            try segment?.append(bytes, durably: durably)
        } catch {
            if segment?.isSpoiled == true { leaveSegment("could not be written: \(error.code)", now) }
            throw .system(error)
        }
    }

    /// Refuses a batch that would leave less than the reserve.
    private mutating func makeRoom(for count: Int) throws(AuditUnavailable) {
        do throws(SystemError) {
            try segment?.reserve(Int64(count) + reserve)
        } catch {
            throw error.isFullDisk ? .diskFull : .system(error)
        }
    }

    /// An hour, in nanoseconds: long enough for a clock that started wrong to be set.
    private static let settling: Int64 = 3_600_000_000_000

    mutating func noteClockStep(_ now: AuditStamp) {
        guard let step = now.step(since: reference) else {
            reference = now
            return
        }
        guard step.magnitude > Self.clockStep.magnitude else { return }
        reference = now
        settledAt = now.monotonicNs + Self.settling
        var record = AuditRecord(.clock)
        record.reason = "the wall clock was stepped"
        record.params = "stepUs=\(step / 1000)"
        owe([Pending(record: record, stamp: now)])
    }

    mutating func noteTrouble(_ error: AuditUnavailable, _ now: AuditStamp) {
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

    mutating func owe(_ records: [Pending]) {
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

extension SystemError {
    /// Whether there is no room, rather than something broken.
    var isFullDisk: Bool { [.noSpace, .quota, .fileTooBig].contains(code) }
}
