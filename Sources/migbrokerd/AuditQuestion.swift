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
    /// Records of one reply, so that no reply comes near the bound of the wire.
    private static let batch = 200
    private static let mostWithoutMore = 2000
    /// How long a stream waits for a client that does not read.
    private static let patienceMilliseconds = 10_000

    private let filter: AuditFilter
    private let limit: Int?
    private let broker: Broker

    /// Without the right to all records, `own` is whose alone are shown.
    init(
        _ request: QueryAuditRequest, of own: UserID?, _ views: Views, _ broker: Broker
    ) throws(VarlinkError) {
        var filter = AuditFilter()
        filter.user = own.map(AuditFilter.User.id) ?? request.user.map(AuditFilter.User.init)
        filter.operation = try Self.beginning(of: request.operation, "operation")
        filter.method = request.method
        filter.since = try Self.time(request.since, "since")
        filter.until = try Self.time(request.until, "until")
        filter.gpu = try Self.gpu(request.gpu, views)
        if let limit = request.limit, limit < 1 { throw .invalidParameter("limit") }
        self.filter = filter
        limit = request.limit
        self.broker = broker
    }

    /// Whether a user by number or name, or nobody in particular, is the caller.
    static func means(_ user: String?, _ principal: Principal) -> Bool {
        switch user.map(AuditFilter.User.init) {
        case nil: true
        case .id(let id)?: id == principal.user
        case .name(let name)?: principal.name?.hasBytes(of: name) == true
        }
    }

    /// Reads the log and answers; blocks for the disk, and with `more` for the client.
    func answer(to responder: VarlinkResponder) {
        do throws(SystemError) {
            // A client that does not read loses its connection: what was left out must not look like the end.
            guard let last = try responder.wantsMore ? stream(to: responder) : all() else { return }
            responder.finish(.reply(["records": .array(last)]))
        } catch {
            responder.finish(.error(BrokerError.auditUnavailable(reason: error.code.message).varlink))
        }
    }

    private func reader() throws(SystemError) -> AuditReader {
        AuditReader(try AuditSegments.list(in: broker.audit.directory))
    }

    private func all() throws(SystemError) -> [JSONValue] {
        let most = min(limit ?? Self.mostWithoutMore, Self.mostWithoutMore)
        var records: [JSONValue] = []
        _ = try reader().read(filter) { _, line in
            if let record = Self.value(line) { records.append(record) }
            return records.count < most
        }
        return records
    }

    /// Sends batches as the client takes them.
    ///
    /// - Returns: the last batch, for the final reply; nil where the client is gone or does not read.
    private func stream(to responder: VarlinkResponder) throws(SystemError) -> [JSONValue]? {
        var batch: [JSONValue] = []
        var isHeard = true
        var left = limit ?? Int.max
        _ = try reader().read(filter) { _, line in
            if batch.count >= Self.batch {
                isHeard =
                    responder.send(.partial(["records": .array(batch)]))
                    && responder.waitForRoom(milliseconds: Self.patienceMilliseconds)
                guard isHeard else { return false }
                batch = []
            }
            if let record = Self.value(line) { batch.append(record) }
            left -= 1
            return left > 0
        }
        return isHeard ? batch : nil
    }

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
