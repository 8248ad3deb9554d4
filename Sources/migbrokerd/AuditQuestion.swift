import API
import Audit
import Broker
import JSON
import Linux
import MIG
import Policy
import Varlink

/// One query of the audit log: what is asked, held to what the caller may see.
struct AuditQuestion: Sendable {
    /// Records of one reply and, but for the last of them, their bytes: the replies that wait for all connections of a
    /// user are to take little memory.
    private static let batch = (records: 200, bytes: 256 << 10)

    private let filter: AuditFilter
    private let limit: Int?
    private let isFollowing: Bool
    private let log: AuditLog
    private var asker: AuditAsker
    private let identities: IdentityLookup

    /// Without the right to all records a viewer is shown his own.
    init(
        _ request: QueryAuditRequest, by asker: AuditAsker, _ views: Views, of log: AuditLog,
        _ identities: IdentityLookup
    ) throws(VarlinkError) {
        filter = try Self.filter(request, asker, views)
        if let limit = request.limit, limit < 1 { throw .invalidParameter("limit") }
        limit = request.limit
        isFollowing = request.follow ?? false
        self.log = log
        self.asker = asker
        self.identities = identities
    }

    /// Reads the log on the thread for it, a part at a time, so that other users' questions come in between: neither a
    /// long log nor a client who does not read keeps them waiting.
    func answer(to responder: VarlinkResponder, on worker: Worker, _ followers: AuditFollowers) {
        // Half an answer would pass for a whole one, and this one has no end.
        guard !isFollowing || responder.wantsMore else { return responder.finish(.error(.expectedMore)) }
        let answering = Answering(responder: responder, worker: worker, followers: followers)
        let isFromNow = isFollowing && filter.since == nil
        let place = isFromNow ? AuditReader.Place(after: log.head, in: log.directory) : AuditReader.Place()
        start(from: Progress(place: place, left: limit ?? Int.max), answering)
    }

    /// To whom the answer goes, and by whose hands.
    private struct Answering: Sendable {
        let responder: VarlinkResponder
        let worker: Worker
        let followers: AuditFollowers
    }

    /// How far an answer has come.
    private struct Progress: Sendable {
        var place: AuditReader.Place
        /// The last record there was when the log's end was seen; nil before that.
        var end: Int64?
        var hasWaited = false
        /// Not sent yet, and their bytes.
        var records: [JSONValue] = []
        var bytes = 0
        /// How many more are wanted.
        var left: Int

        init(place: AuditReader.Place, left: Int) {
            self.place = place
            self.left = left
        }

        var fillsReply: Bool { records.count >= batch.records || bytes >= batch.bytes }
    }

    private func start(from progress: Progress, _ answering: Answering) {
        let isQueued = answering.worker.run(for: asker.user) { goOn(from: progress, answering) }
        if !isQueued { answering.responder.finish(.error(BrokerError.tooManyRequests.varlink)) }
    }

    /// Runs on the worker's thread.
    private func goOn(from progress: Progress, _ answering: Answering) {
        let responder = answering.responder
        // Nobody hears it; but what the client sent behind it is still to be carried out.
        guard responder.isOpen else { return responder.finish(Self.reply([])) }
        var progress = progress
        // The policy may be another one by now.
        if progress.hasWaited, !asker.mayStillAsk() { return responder.finish(.error(Self.refusal.varlink)) }
        progress.hasWaited = false
        do throws(SystemError) {
            try read(&progress)
        } catch {
            return responder.finish(.error(BrokerError.auditUnavailable(reason: error.code.message).varlink))
        }
        let isOver = progress.left == 0 || progress.end != nil && (!isFollowing || answering.followers.areOver)
        if isOver { return responder.finish(Self.reply(progress.records)) }
        if progress.end == nil, !progress.fillsReply {
            // A user's questions are half answered one at a time, for that takes memory.
            return answering.worker.goOn(for: asker.user) { [progress] in goOn(from: progress, answering) }
        }
        send(progress, answering)
    }

    /// Sends what has been found, and goes on when it has left and there is more.
    private func send(_ found: Progress, _ answering: Answering) {
        let responder = answering.responder
        // Half an answer would pass for a whole one.
        guard responder.wantsMore else { return responder.finish(.error(.expectedMore)) }
        var progress = found
        if !progress.records.isEmpty {
            // All that was sent before has left: there is room, unless nobody waits any more.
            guard responder.send(.partial(["records": .array(progress.records)])) else { return }
            (progress.records, progress.bytes) = ([], 0)
        }
        responder.whenDrained { [progress] in
            guard let end = progress.end else { return start(from: progress, answering) }
            answering.followers.wait(for: responder, after: end) { resume(from: progress, answering) }
        }
    }

    /// Goes on where there are new records; called by whoever wrote them, who is not to be kept.
    ///
    /// It may be long since he asked: who has left the group that let him see them is not shown any more.
    private func resume(from progress: Progress, _ answering: Answering) {
        identities.look(up: asker.user) { answer in
            var progress = progress
            progress.end = nil
            progress.hasWaited = true
            var question = self
            switch answer {
            case .success(let entry): question.asker = asker.known(by: entry)
            case .failure(let failure):
                let error = BrokerError.identityUnavailable(reason: "\(failure)")
                return answering.responder.finish(.error(error.varlink))
            }
            question.start(from: progress, answering)
        }
    }

    private static let refusal = BrokerError.notAuthorized(
        action: Action.readAudit.rawValue, reason: "the policy does not allow it any more", rules: [])

    /// Reads one part, up to what is in the log for good.
    private func read(_ progress: inout Progress) throws(SystemError) {
        let head = log.head
        let pass = try AuditReader(liveIn: log.directory).read(
            filter, from: progress.place, upTo: head, atMost: AuditAsker.bytesAtOnce
        ) { _, line in
            if let record = asker.shown(line) { progress.records.append(record) }
            progress.bytes += line.count
            progress.left -= 1
            return progress.left > 0 && !progress.fillsReply
        }
        progress.place = pass.place
        if pass.isAtEnd { progress.end = head.seq }
    }

    private static func reply(_ records: [JSONValue]) -> VarlinkMessage { .reply(["records": .array(records)]) }
}

/// What a question lets pass.
extension AuditQuestion {
    fileprivate static func filter(
        _ request: QueryAuditRequest, _ asker: AuditAsker, _ views: Views
    ) throws(VarlinkError) -> AuditFilter {
        var filter = AuditFilter()
        filter.user = asker.owner(request.user)
        if let group = request.group {
            guard let gid = UInt32(exactly: group) else { throw .invalidParameter("group") }
            filter.group = GroupID(gid)
        }
        filter.operation = try beginning(of: request.operation, "operation")
        filter.lease = try beginning(of: request.lease, "lease")
        filter.method = request.method
        filter.profile = request.profile
        filter.since = try AuditAsker.time(request.since, "since")
        filter.until = try AuditAsker.time(request.until, "until")
        filter.gpus = try gpus(request.gpu, views)
        if let word = request.result {
            guard let result = AuditResult(rawValue: word) else { throw .invalidParameter("result") }
            filter.result = result
        }
        // A list that names none is a mistake, and means anything but all.
        if request.types?.isEmpty == true { throw .invalidParameter("types") }
        for word in request.types ?? [] {
            guard let type = AuditRecordType(rawValue: word) else { throw .invalidParameter("types") }
            filter.types.insert(type)
        }
        return filter
    }

    /// An id or its first digits. Nothing at all would be the beginning of every id.
    private static func beginning(of text: String?, _ field: String) throws(VarlinkError) -> String? {
        guard let text else { return nil }
        let count = text.utf8.count
        guard (1...32).contains(count), Hex.isLowercase(text, digits: count) else { throw .invalidParameter(field) }
        return text
    }

    private static func isUUIDBeginning(_ text: String) -> Bool {
        text.utf8.starts(with: "GPU-".utf8)
            && text.utf8.dropFirst(4).allSatisfy { $0 == UInt8(ascii: "-") || Hex.isDigit($0) }
    }

    /// An index means the GPU that has it now, a model all that are of it now; the log knows GPUs by UUID.
    private static func gpus(_ text: String?, _ views: Views) throws(VarlinkError) -> [String] {
        guard let text else { return [] }
        if let uuid = GPUUUID(text) { return [uuid.description] }
        if isUUIDBeginning(text) { return [text] }
        guard let selector = GPUSelector(text) else { throw .invalidParameter("gpu") }
        let found = views.snapshot.inventory.entries.filter { selector.matches($0.gpu) }
        guard !found.isEmpty else { throw BrokerError.notFound(what: "GPU", name: text).varlink }
        return found.map(\.gpu.uuid.description)
    }
}

extension Service {
    /// The whole log up to its head as it is now, held against the chain.
    static func verification(_ broker: Broker) -> VerifyAuditReply {
        let head = broker.audit.head
        do throws(SystemError) {
            let files = try AuditSegments.list(in: broker.audit.directory)
            let report = try AuditReport.of(files, head: head, live: true, whole: true)
            var reply = VerifyAuditReply(valid: true, records: 0)
            switch report.verification {
            case .intact(let records, let first, let last):
                reply.records = Int(clamping: records)
                reply.head = last.description
                reply.first = records > 0 ? Int(first) : nil
            case .broken(let file, let line, let seq, let fault):
                let record = seq.map { "record \($0)" } ?? "a record"
                reply.valid = false
                reply.records = Int(clamping: (seq ?? 1) - 1)
                reply.problem = "\(record) (\(Files.name(of: file)), line \(line)): \(fault)"
            }
            if case .removed(let teller) = report.beginning { reply.explainedBy = Int(teller) }
            reply.seals = Int(report.seals)
            reply.epoch = report.lastEpoch.map { Int($0) }
            reply.unsealed = Int(report.unsealed)
            return reply
        } catch {
            return VerifyAuditReply(valid: false, records: 0, head: nil, problem: error.code.message)
        }
    }
}
