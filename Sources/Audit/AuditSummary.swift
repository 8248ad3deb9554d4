internal import JSON
package import Linux
internal import MIG

/// A record as the journal is told it: a sentence for people, and what the record holds in fields of its own.
///
/// Every value is spelled as in the log: cut at 256 bytes, and printable ASCII alone, with everything else, quotation
/// marks and backslashes as JSON escapes them. So nothing that a client wrote begins a line, moves a cursor or turns the
/// direction of reading, whatever shows the journal. What is nil in the record has no field; each rule has one of its own.
extension AuditEntry {
    /// The entry for the journal, the most important fields first: those stay where a message must be shortened.
    package var summary: JournalMessage {
        var message = JournalMessage()
        message.add("MESSAGE", AuditSummary.plain(sentence, cut: false))
        message.add("PRIORITY", integer: record.priority)
        message.add("SYSLOG_IDENTIFIER", AuditSummary.identifier)
        message.add("MESSAGE_ID", AuditMessageID.of(record.type))
        message.add("MIGBROKER_SEQ", integer: seq)
        message.add("MIGBROKER_HASH", hash)
        message.add("MIGBROKER_TYPE", record.type.rawValue)
        message.add("MIGBROKER_TIME", AuditFormat.time(stamp.time))
        addChange(to: &message)
        addCaller(to: &message)
        addObject(to: &message)
        return message
    }

    private func addChange(to message: inout JournalMessage) {
        message.add("MIGBROKER_OP", record.op?.description)
        message.add("MIGBROKER_METHOD", text: record.method)
        message.add("MIGBROKER_CONN", integer: record.conn)
        message.add("MIGBROKER_DECISION", record.decision?.rawValue)
        message.add("MIGBROKER_RESULT", record.result?.rawValue)
        message.add("MIGBROKER_ERROR", text: record.error)
        message.add("MIGBROKER_NVML", integer: record.nvml)
        message.add("MIGBROKER_COUNT", integer: record.count)
        message.add("MIGBROKER_DURATION_US", integer: record.durationUs)
    }

    private func addCaller(to message: inout JournalMessage) {
        let caller = record.caller
        message.add("MIGBROKER_UID", integer: caller.uid?.rawValue)
        message.add("MIGBROKER_USER", text: caller.user)
        message.add("MIGBROKER_GID", integer: caller.gid?.rawValue)
        message.add("MIGBROKER_PID", integer: caller.pid)
        message.add("MIGBROKER_COMM", text: caller.comm)
        message.add("MIGBROKER_CGROUP", text: caller.cgroup)
        message.add("MIGBROKER_LOGINUID", integer: caller.loginuid?.rawValue)
        message.add("MIGBROKER_SESSION", integer: caller.session)
        message.add("MIGBROKER_ORIGIN", text: caller.origin)
        message.add("MIGBROKER_ON_BEHALF_OF", integer: caller.onBehalfOf?.rawValue)
        message.add("MIGBROKER_ON_BEHALF_OF_USER", text: caller.onBehalfOfUser)
    }

    private func addObject(to message: inout JournalMessage) {
        message.add("MIGBROKER_LEASE", record.lease?.description)
        message.add("MIGBROKER_GPU", record.gpu?.description)
        message.add("MIGBROKER_GI", integer: record.gi?.rawValue)
        message.add("MIGBROKER_CI", integer: record.ci?.rawValue)
        message.add("MIGBROKER_DEVICE", record.device?.description)
        message.add("MIGBROKER_PROFILE", text: record.profile)
        message.add("MIGBROKER_PLACEMENT", record.placement?.description)
        message.add("MIGBROKER_EXPIRES", record.expires?.description)
        message.add("MIGBROKER_ISOLATION", record.isolation?.rawValue)
        message.add("MIGBROKER_POLICY", text: record.policy)
        for rule in record.rules.prefix(AuditFormat.listLength) { message.add("MIGBROKER_RULE", text: rule) }
        message.add("MIGBROKER_REASON", text: record.reason)
        message.add("MIGBROKER_NAME", text: record.name)
        message.add("MIGBROKER_KEY", text: record.key)
        message.add("MIGBROKER_PARAMS", text: record.params)
    }
}

/// What all entries of the broker in the journal have in common.
enum AuditSummary {
    static let identifier = "migbrokerd"
    /// Names how many fields were left out of an entry that was too long.
    static let mark = "MIGBROKER_CUT"

    /// A string as the log spells it, without the quotation marks around it.
    static func plain(_ text: String, cut isCut: Bool = true) -> String {
        var bytes: [UInt8] = []
        JSONWriter.append(isCut ? AuditFormat.text(text) : text, asciiOnly: true, to: &bytes)
        return String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self)
    }

    /// The head of the log, as the journal is told it now and then.
    static func head(_ head: AuditHead) -> JournalMessage {
        message("the audit log ends with record \(head.description)", priority: 6, AuditMessageID.head, head)
    }

    /// That the journal was not told of so many records; the log ends with that head.
    static func untold(_ count: Int64, _ head: AuditHead?) -> JournalMessage {
        var message = message(
            "\(count) record\(count == 1 ? " was" : "s were") not told to the journal; the audit log has them all",
            priority: 4, AuditMessageID.untold, head)
        message.add("MIGBROKER_UNTOLD", integer: count)
        return message
    }

    private static func message(_ text: String, priority: Int, _ id: String, _ head: AuditHead?) -> JournalMessage {
        var message = JournalMessage()
        message.add("MESSAGE", text)
        message.add("PRIORITY", integer: priority)
        message.add("SYSLOG_IDENTIFIER", identifier)
        message.add("MESSAGE_ID", id)
        message.add("MIGBROKER_SEQ", integer: head?.seq)
        message.add("MIGBROKER_HASH", head?.hash)
        return message
    }
}

extension JournalMessage {
    /// Adds text that may come from outside.
    fileprivate mutating func add(_ name: String, text: String?) { add(name, text.map { AuditSummary.plain($0) }) }
}
