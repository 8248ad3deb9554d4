import API
import Broker
import MIG
import Policy
import Varlink

extension Service {
    /// How the broker does, as far as the caller may know.
    ///
    /// What needs no look at files is answered at once, so that nobody can make work by asking; to look at the nodes takes
    /// a right, and the thread for slow work.
    func health(_ context: CallContext) -> VarlinkAnswer {
        func may(_ action: Action) -> Bool { (try? broker.permits(action, to: context.principal)) != nil }
        let report = HealthReport(
            broker: broker, witnesses: witnesses,
            rights: .init(machine: may(.readAll), policy: may(.readPolicy), audit: may(.readAudit)))
        guard report.rights.machine else { return .now(.reply(report.reply.json)) }
        return slowly(for: context.principal.user) { responder in responder.finish(.reply(report.reply.json)) }
    }
}
