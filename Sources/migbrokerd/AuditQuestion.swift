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
    /// Of the log, before somebody else's question has its turn.
    private static let bytesAtOnce = 1 << 20

    private let filter: AuditFilter
    private let limit: Int?
    private let directory: String
    private let user: UserID

    /// Without the right to all records a viewer is shown his own.
    init(
        _ request: QueryAuditRequest, seesAll: Bool, _ views: Views, of directory: String
    ) throws(VarlinkError) {
        var filter = AuditFilter()
        filter.user = seesAll ? request.user.map(AuditFilter.User.init) : .id(views.viewer.user)
        filter.operation = try Self.beginning(of: request.operation, "operation")
        filter.method = request.method
        filter.since = try Self.time(request.since, "since")
        filter.until = try Self.time(request.until, "until")
        filter.gpu = try Self.gpu(request.gpu, views)
        if let limit = request.limit, limit < 1 { throw .invalidParameter("limit") }
        self.filter = filter
        limit = request.limit
        self.directory = directory
        user = views.viewer.user
    }

    /// Whether a user by number or name, or nobody in particular, is the caller.
    static func means(_ user: String?, _ principal: Principal) -> Bool {
        switch user.map(AuditFilter.User.init) {
        case nil: true
        case .id(let id)?: id == principal.user
        case .name(let name)?: principal.name?.hasBytes(of: name) == true
        }
    }

    /// Reads the log on the thread for it, a part at a time, so that other users' questions come in between: neither a
    /// long log nor a client who does not read keeps them waiting.
    func answer(to responder: VarlinkResponder, on worker: Worker) {
        start(from: Progress(left: limit ?? Int.max), responder, worker)
    }

    /// How far an answer has come.
    private struct Progress: Sendable {
        var files: [String]?
        /// Nil at the end of the log.
        var place: AuditReader.Place? = AuditReader.Place()
        /// Not sent yet, and their bytes.
        var records: [JSONValue] = []
        var bytes = 0
        /// How many more are wanted.
        var left: Int

        var fillsReply: Bool { records.count >= batch.records || bytes >= batch.bytes }
    }

    private func start(from progress: Progress, _ responder: VarlinkResponder, _ worker: Worker) {
        let isQueued = worker.run(for: user) { goOn(from: progress, responder, worker) }
        if !isQueued { responder.finish(.error(BrokerError.tooManyRequests.varlink)) }
    }

    /// Runs on the worker's thread.
    private func goOn(from progress: Progress, _ responder: VarlinkResponder, _ worker: Worker) {
        // Nobody hears it; but what the client sent behind it is still to be carried out.
        guard responder.isOpen else { return responder.finish(Self.reply([])) }
        var progress = progress
        do throws(SystemError) {
            try read(&progress)
        } catch {
            return responder.finish(.error(BrokerError.auditUnavailable(reason: error.code.message).varlink))
        }
        guard progress.place != nil, progress.left > 0 else { return responder.finish(Self.reply(progress.records)) }
        guard progress.fillsReply else {
            // A user's questions are half answered one at a time, for that takes memory.
            return worker.goOn(for: user) { [progress] in goOn(from: progress, responder, worker) }
        }
        // Half an answer would pass for a whole one.
        guard responder.wantsMore else { return responder.finish(.error(.expectedMore)) }
        // All that was sent before has left: there is room, unless nobody waits any more.
        guard responder.send(.partial(["records": .array(progress.records)])) else { return }
        (progress.records, progress.bytes) = ([], 0)
        responder.whenDrained { [progress] in start(from: progress, responder, worker) }
    }

    /// Reads one part.
    private func read(_ progress: inout Progress) throws(SystemError) {
        let files: [String] = if let known = progress.files { known } else { try AuditSegments.list(in: directory) }
        let pass = try AuditReader(files).read(
            filter, from: progress.place ?? AuditReader.Place(), atMost: Self.bytesAtOnce
        ) { _, line in
            if let record = Self.value(line) { progress.records.append(record) }
            progress.bytes += line.count
            progress.left -= 1
            return progress.left > 0 && !progress.fillsReply
        }
        (progress.files, progress.place) = (files, pass.next)
    }

    private static func reply(_ records: [JSONValue]) -> VarlinkMessage { .reply(["records": .array(records)]) }

    /// The record as it stands in the log; a line that the reader let pass is one.
    private static func value(_ line: [UInt8]) -> JSONValue? { try? JSONParser.parse(line, limits: .record) }

    /// An id or its first digits. Nothing at all would be the beginning of every id.
    private static func beginning(of text: String?, _ field: String) throws(VarlinkError) -> String? {
        guard let text else { return nil }
        let count = text.utf8.count
        guard (1...32).contains(count), Hex.isLowercase(text, digits: count) else { throw .invalidParameter(field) }
        return text
    }

    private static func time(_ text: String?, _ field: String) throws(VarlinkError) -> Timestamp? {
        guard let text else { return nil }
        guard let time = Timestamp(text) else { throw .invalidParameter(field) }
        return time
    }

    /// An index means the GPU that has it now; the log knows GPUs by UUID.
    private static func gpu(_ text: String?, _ views: Views) throws(VarlinkError) -> String? {
        guard let text else { return nil }
        if let uuid = GPUUUID(text) { return uuid.description }
        guard let selector = GPUSelector(text) else { throw .invalidParameter("gpu") }
        guard let entry = views.snapshot.inventory.entries.first(where: { selector.matches($0.gpu) }) else {
            throw BrokerError.notFound(what: "GPU", name: text).varlink
        }
        return entry.gpu.uuid.description
    }
}

extension Service {
    /// The whole log up to its head as it is now, held against the chain.
    static func verification(_ broker: Broker) -> VerifyAuditReply {
        let head = broker.audit.head
        do throws(SystemError) {
            let files = try AuditSegments.list(in: broker.audit.directory)
            switch try AuditVerifier.verify(files, head: head, live: true) {
            case .intact(let records, _, let last):
                return VerifyAuditReply(
                    valid: true, records: Int(clamping: records), head: last.description, problem: nil)
            case .broken(let file, let line, let seq, let fault):
                let record = seq.map { "record \($0)" } ?? "a record"
                return VerifyAuditReply(
                    valid: false, records: Int(clamping: (seq ?? 1) - 1), head: nil,
                    problem: "\(record) (\(Files.name(of: file)), line \(line)): \(fault)")
            }
        } catch {
            return VerifyAuditReply(valid: false, records: 0, head: nil, problem: error.code.message)
        }
    }
}
