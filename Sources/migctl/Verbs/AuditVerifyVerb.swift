import API
import Audit
import JSON
import Linux

extension Verb {
    static let auditVerify = Verb(
        name: "audit verify",
        usage: ["", "FILE... [--head SEQ:HASH] [--heads FILE] [--key FILE]"],
        summary: "Check that no audit record was changed, removed or added",
        details: [
            "  FILE              segments, oldest first, or a directory of them: checked here, without the broker",
            "  --head SEQ:HASH   a record noted earlier, which must be there unchanged",
            "  --heads FILE      records noted by 'migbrokerd --audit-heads', or as 'journalctl -o json' prints them, all of",
            "                    which must be there unchanged; - is standard input",
            "  --key FILE        the line that 'migbrokerd --init-audit-key' showed, or - for standard input: every seal",
            "                    must have been made with it",
            "",
            "Prints the last record as SEQ:HASH: note it elsewhere, and no later cut can hide. Exit status 10 if the log",
            "is not whole.",
        ],
        options: ["--head": .value, "--heads": .values, "--key": .value],
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "audit verify")
            let head = try arguments.value("--head", expected: "SEQ:HASH as this command prints it") { AuditHead($0) }
            if arguments.list.isEmpty {
                for option in ["--head", "--heads", "--key"] where options.has(option) {
                    _ = try arguments.some("FILE, which \(option) is held against")
                }
                let answer: Answer<VerifyAuditReply> = try session.call("VerifyAudit", to: "verify the audit log")
                if session.globals.isJSON { try session.output.json(answer.wire) }
                return try end(answer.reply, in: session)
            }
            var keys: AuditKeyRing?
            if let path = options.value("--key") { keys = try read(path, session) }
            let reply = try verify(arguments.list, head: head, KeptHeads(options), keys, in: session)
            if session.globals.isJSON { try session.output.json(reply.json) }
            return try end(reply, keys: keys != nil, in: session)
        })

    /// The keys in a file or from standard input: never an argument, which everybody could read.
    private static func read(_ path: String, _ session: Session) throws(Failure) -> AuditKeyRing {
        let isInput = path.utf8.elementsEqual("-".utf8)
        if isInput, Terminal.isTerminal(Terminal.input) { session.output.talk("type the key, which is not shown:") }
        var text: [UInt8]
        do throws(SystemError) {
            text = try isInput ? Terminal.readSecret() : Files.read(path, limit: 64 << 10)
        } catch {
            throw Failure(.failed, what: "the key cannot be read", why: SafeText(error.description))
        }
        defer { Secret.wipe(&text) }
        guard let keys = AuditKeyRing(text) else {
            throw Failure(
                .usage, what: "\(path) is no key",
                why: "it is not made of lines EPOCH:KEY, as 'migbrokerd --init-audit-key' shows one")
        }
        return keys
    }

    private static func verify(
        _ paths: [String], head: AuditHead?, _ kept: KeptHeads?, _ keys: AuditKeyRing?, in session: Session
    ) throws(Failure) -> VerifyAuditReply {
        let files: [String]
        let reply: VerifyAuditReply
        do throws(SystemError) {
            files = try AuditFiles.segments(paths)
            if files.isEmpty {
                return VerifyAuditReply(valid: false, records: 0, problem: "there are no segments")
            }
            if let empty = try AuditFiles.emptied(files) {
                return VerifyAuditReply(valid: false, records: 0, problem: "\(empty): there are no records")
            }
            // A part of a log may be checked as well; of a directory, all of it is expected.
            let isWhole = files.count != paths.count || !zip(files, paths).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
            reply = VerifyAuditReply(try AuditReport.of(files, head: head, keys: keys, whole: isWhole))
        } catch {
            throw Failure(.checkFailed, what: "the audit log cannot be read", why: SafeText(error.description))
        }
        guard reply.valid, let fault = try kept?.check(files, in: session) else { return reply }
        return VerifyAuditReply(fault)
    }

    private static func end(
        _ reply: VerifyAuditReply, keys: Bool = false, in session: Session
    ) throws(Failure) -> ExitCode {
        let output = session.output
        if !session.globals.isJSON {
            if let head = reply.head { try output.line("\(head)") }
            if let problem = reply.problem { output.error("the audit log is not whole: \(problem)", .bad) }
        }
        guard reply.valid else {
            if reply.problem == nil { output.error("the audit log is not whole: no reason given", .bad) }
            return .checkFailed
        }
        output.talk("the audit log is whole: \(counted(reply.records, "record"))")
        if let first = reply.first, first > 1 {
            let why = reply.explainedBy.map { "those before were removed, as record \($0) tells" }
            output.talk("it begins with record \(first): \(why ?? "nothing here tells what became of those before")")
        }
        if let seals = reply.seals { output.talk(Self.seals(seals, reply, keys)) }
        return .ok
    }

    private static func seals(_ seals: Int, _ reply: VerifyAuditReply, _ keys: Bool) -> SafeText {
        guard seals > 0 else {
            return
                "it has no seals: without a key the chain stands alone, and a root user could have rewritten all of it"
        }
        let after = counted(reply.unsealed ?? 0, "record")
        let all = "\(counted(seals, "seal")) up to epoch \(reply.epoch ?? 0), \(after) after the last one"
        return keys ? "its seals were made with the key: \(all)" : "it has \(all); --key checks who made them"
    }
}

extension VerifyAuditReply {
    fileprivate init(_ report: AuditReport) {
        self.init(report.verification)
        if case .removed(let teller) = report.beginning { explainedBy = Int(teller) }
        seals = Int(report.seals)
        epoch = report.lastEpoch.map { Int($0) }
        unsealed = Int(report.unsealed)
    }

    fileprivate init(_ verification: AuditVerification) {
        switch verification {
        case .intact(let records, let first, let last):
            self.init(
                valid: true, records: Int(records), head: last.description, first: records > 0 ? Int(first) : nil)
        case .broken(let file, let line, let seq, let fault):
            self.init(
                valid: false, records: max(0, Int(seq ?? 1) - 1),
                problem: "\(file):\(line): \(fault)" + (seq.map { " (record \($0))" } ?? ""))
        }
    }
}
