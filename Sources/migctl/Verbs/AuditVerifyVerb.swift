import API
import Audit
import JSON
import Linux

extension Verb {
    static let auditVerify = Verb(
        name: "audit verify",
        usage: ["", "FILE... [--head SEQ:HASH] [--heads FILE]"],
        summary: "Check that no audit record was changed, removed or added",
        details: [
            "  FILE              segments, oldest first, or a directory of them: checked here, without the broker",
            "  --head SEQ:HASH   a record noted earlier, which must be there unchanged",
            "  --heads FILE      records noted by 'migbrokerd --audit-heads', or as 'journalctl -o json' prints them, all of",
            "                    which must be there unchanged; - is standard input",
            "",
            "Prints the last record as SEQ:HASH: note it elsewhere, and no later cut can hide. Exit status 10 if the log",
            "is not whole.",
        ],
        options: ["--head": .value, "--heads": .value],
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "audit verify")
            let head = try arguments.value("--head", expected: "SEQ:HASH as this command prints it") { AuditHead($0) }
            let reply: VerifyAuditReply
            if arguments.list.isEmpty {
                if head != nil { _ = try arguments.some("FILE, which --head is held against") }
                if KeptHeads(options) != nil { _ = try arguments.some("FILE, which --heads is held against") }
                let answer: Answer<VerifyAuditReply> = try session.call("VerifyAudit", to: "verify the audit log")
                if session.globals.isJSON { try session.output.json(answer.wire) }
                reply = answer.reply
            } else {
                reply = try verify(arguments.list, head: head, KeptHeads(options), in: session)
                if session.globals.isJSON { try session.output.json(reply.json) }
            }
            if !session.globals.isJSON { try show(reply, in: session) }
            return reply.valid ? .ok : .checkFailed
        })

    private static func verify(
        _ paths: [String], head: AuditHead?, _ kept: KeptHeads?, in session: Session
    ) throws(Failure) -> VerifyAuditReply {
        let files: [String]
        let reply: VerifyAuditReply
        do throws(SystemError) {
            files = try AuditFiles.segments(paths)
            if files.isEmpty {
                return VerifyAuditReply(valid: false, records: 0, problem: "there are no segments")
            }
            reply = VerifyAuditReply(try AuditVerifier.verify(files, head: head))
        } catch {
            throw Failure(.checkFailed, what: "the audit log cannot be read", why: SafeText(error.description))
        }
        guard reply.valid, let fault = try kept?.check(files, in: session) else { return reply }
        return VerifyAuditReply(fault)
    }

    private static func show(_ reply: VerifyAuditReply, in session: Session) throws(Failure) {
        if let head = reply.head { try session.output.line("\(head)") }
        if reply.valid {
            session.output.talk("the audit log is whole: \(counted(reply.records, "record"))")
        } else {
            session.output.error("the audit log is not whole: \(reply.problem ?? "no reason given")", .bad)
        }
    }
}

extension VerifyAuditReply {
    fileprivate init(_ verification: AuditVerification) {
        switch verification {
        case .intact(let records, _, let last):
            self.init(valid: true, records: Int(records), head: last.description)
        case .broken(let file, let line, let seq, let fault):
            self.init(
                valid: false, records: max(0, Int(seq ?? 1) - 1),
                problem: "\(file):\(line): \(fault)" + (seq.map { " (record \($0))" } ?? ""))
        }
    }
}
