import API
import Audit
import Broker
import JSON
import Linux
import MIG
import Policy
import Varlink

/// What reads files or looks up names: on a thread of its own, one after another.
extension Service {
    func slowly(
        for user: UserID, _ work: @escaping @Sendable (VarlinkResponder) -> Void
    ) -> VarlinkAnswer {
        later(on: slow, for: user, work)
    }

    private func later(
        on worker: Worker, for user: UserID, _ work: @escaping @Sendable (VarlinkResponder) -> Void
    ) -> VarlinkAnswer {
        .later { responder in
            let isTaken = worker.run(for: user) { work(responder) }
            if !isTaken { responder.finish(.error(BrokerError.tooManyRequests.varlink)) }
        }
    }

    func slowly(_ method: Method, _ parameters: JSONValue, _ context: CallContext) throws(VarlinkError) -> VarlinkAnswer
    {
        let broker = broker
        let records = records
        let user = context.principal.user
        switch method {
        case .queryAudit:
            let request = try QueryAuditRequest(parameters: parameters)
            let asker = AuditAsker(context.principal, broker)
            if !asker.isMeant(by: request.user) { try require(.readAudit, context) }
            let question = try AuditQuestion(request, by: asker, views(context), of: broker.audit, identities.lookup)
            let followers = followers
            return .later { responder in question.answer(to: responder, on: records, followers) }
        case .queryUsage:
            let request = try QueryUsageRequest(parameters: parameters)
            let asker = AuditAsker(context.principal, broker)
            if !asker.isMeant(by: request.user) { try require(.readAudit, context) }
            let question = try UsageQuestion(request, by: asker, of: broker.audit)
            return .later { responder in question.answer(to: responder, on: records) }
        case .verifyAudit:
            try NoParameters.check(parameters)
            return later(on: records, for: user) { responder in responder.finish(.reply(Self.verification(broker).json))
            }
        case .explainRecord:
            let seq = try ExplainRecordRequest(parameters: parameters).seq
            guard seq > 0 else { throw .invalidParameter("seq") }
            let views = views(context)
            return later(on: records, for: user) { responder in
                responder.finish(Self.review(of: Int64(seq), broker, views))
            }
        case .checkPolicy:
            try NoParameters.check(parameters)
            return slowly(for: user) { responder in
                let findings = PolicyCheck.findings(
                    installedAt: broker.policySource, bounds: broker.configuration.bounds)
                let reply = CheckPolicyReply(
                    valid: !findings.contains { $0.severity == .error }, diagnostics: findings.map(Self.info))
                responder.finish(.reply(reply.json))
            }
        default:
            try NoParameters.check(parameters)
            return slowly(for: user) { responder in
                do throws(PolicyErrors) {
                    let set = try broker.loadPolicy(context)
                    responder.finish(.reply(ReloadPolicyReply(policy: set.hash).json))
                } catch {
                    responder.finish(.error(BrokerError.policyInvalid(error.diagnostics.map(Self.info)).varlink))
                }
            }
        }
    }

    private static func review(of seq: Int64, _ broker: Broker, _ views: Views) -> VarlinkMessage {
        do throws(AuditReplayError) {
            guard let finding = try broker.review(seq) else {
                return .error(BrokerError.notFound(what: "record", name: "\(seq)").varlink)
            }
            let record = finding.entry.record
            let reply = ExplainRecordReply(
                seq: Int(finding.entry.seq), policy: record.policy, question: record.question, recorded: record.rules,
                decision: finding.decision.map { decision(of: $0, views) }, agrees: finding.agrees,
                obstacle: finding.obstacle)
            return .reply(reply.json)
        } catch {
            return .error(BrokerError.auditUnavailable(reason: "the audit log cannot be read").varlink)
        }
    }

    private static func info(_ diagnostic: PolicyDiagnostic) -> DiagnosticInfo {
        DiagnosticInfo(
            file: diagnostic.path, line: diagnostic.line, column: diagnostic.column,
            severity: diagnostic.severity.rawValue, message: diagnostic.message)
    }
}
