import API
import Audit
import Broker
import Linux
import MIG
import Varlink

/// What was used of the machine in a period, as far as the caller may know: all of it, or his own part.
struct UsageQuestion: Sendable {
    private let usage: AuditUsage
    private let log: AuditLog
    private let asker: AuditAsker

    init(_ request: QueryUsageRequest, by asker: AuditAsker, of log: AuditLog) throws(VarlinkError) {
        usage = AuditUsage(
            since: try AuditAsker.time(request.since, "since"), until: try AuditAsker.time(request.until, "until"),
            owner: asker.owner(request.user))
        self.log = log
        self.asker = asker
    }

    /// Reads the log on the thread for it, a part at a time.
    func answer(to responder: VarlinkResponder, on worker: Worker) {
        let head = log.head
        let isQueued = worker.run(for: asker.user) {
            goOn(usage, from: AuditReader.Place(), upTo: head, responder, worker)
        }
        if !isQueued { responder.finish(.error(BrokerError.tooManyRequests.varlink)) }
    }

    private func goOn(
        _ usage: AuditUsage, from place: AuditReader.Place, upTo head: AuditHead, _ responder: VarlinkResponder,
        _ worker: Worker
    ) {
        var usage = usage
        do throws(SystemError) {
            let reader = try AuditReader(liveIn: log.directory)
            if place == AuditReader.Place() { usage.begin(with: try reader.first()) }
            let pass = try reader.read(
                AuditUsage.filter, from: place, upTo: head, atMost: AuditAsker.bytesAtOnce
            ) { entry, _ in
                usage.take(entry)
                return true
            }
            // Nobody is told half of it: who has left hears nothing, so the rest need not be read.
            guard pass.isAtEnd || !responder.isOpen else {
                return worker.goOn(for: asker.user) { [usage] in
                    goOn(usage, from: pass.place, upTo: head, responder, worker)
                }
            }
        } catch {
            return responder.finish(.error(BrokerError.auditUnavailable(reason: error.code.message).varlink))
        }
        responder.finish(.reply(QueryUsageReply(usage.report(now: Clock.wall())).json))
    }
}

extension QueryUsageReply {
    fileprivate init(_ report: AuditUsageReport) {
        self.init(
            since: report.since?.description, until: report.until.description,
            begins: report.begins?.description, total: UsageInfo(report.total),
            users: report.users.map(UsageInfo.init), groups: report.groups.map(UsageInfo.init),
            profiles: report.profiles.map(UsageInfo.init))
    }
}

extension UsageInfo {
    fileprivate init(_ row: AuditUsageReport.Row) {
        self.init(
            uid: row.user.map { Int($0.rawValue) }, user: row.name, gid: row.group.map { Int($0.rawValue) },
            profile: row.profile, leases: row.leases, instanceSeconds: row.instanceSeconds,
            sliceSeconds: row.sliceSeconds, memoryGiBSeconds: row.memoryGiBSeconds)
    }
}
