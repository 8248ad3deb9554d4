import API
import Audit
import Broker
import Linux
import MIG
import Nodes
import Policy

/// What the broker says of itself: a row for each thing that can be wrong, with the command that sets it right.
///
/// States are for everybody. Reasons, paths and commands are for who has the right to what they tell of; everybody else
/// is told whom to ask.
struct HealthReport: Sendable {
    /// What the reader may know more of than its state.
    struct Rights: Sendable {
        /// Driver and nodes.
        let machine: Bool
        let policy: Bool
        let audit: Bool
    }

    let broker: Broker
    let witnesses: Witnesses
    let rights: Rights

    /// Looks at files where the reader has the right to what they tell.
    var reply: GetHealthReply {
        let rows = [driver, isolation] + nodes + [policy, audit, seal] + journal + heads + [clock]
        return GetHealthReply(version: BrokerInterface.version, checks: rows)
    }

    private enum State: String { case ok, warning, bad }

    /// A row for everybody.
    private func row(_ name: String, _ state: State, _ finding: String, fix: String? = nil) -> HealthCheck {
        HealthCheck(name: name, state: state.rawValue, finding: finding, fix: fix)
    }

    /// A row that tells who may know less no more than `hidden`.
    private func row(
        _ name: String, _ state: State, _ finding: String, fix: String? = nil, isOpen: Bool, hidden: String
    ) -> HealthCheck {
        if isOpen { return row(name, state, finding, fix: fix) }
        return row(
            name, state, hidden,
            fix: state == .ok ? nil : "whoever has the right to know is told more by 'migctl doctor'")
    }

    // MARK: - The machine

    private var driver: HealthCheck {
        let snapshot = broker.snapshot
        if let problem = snapshot.driverProblem {
            return row(
                "driver", .bad, "the driver does not answer: \(problem)",
                fix: "'nvidia-smi -L' as root says whether the driver is loaded", isOpen: rights.machine,
                hidden: "the driver does not answer")
        }
        let count = snapshot.inventory.entries.count
        let gpus = "\(count) GPU\(count == 1 ? "" : "s")"
        guard snapshot.inventory.isComplete else {
            return row(
                "driver", .bad, "only \(gpus) answer, and the driver counts more",
                fix: "'nvidia-smi' as root names the others", isOpen: rights.machine, hidden: "not all GPUs answer")
        }
        let version = rights.machine ? broker.driverVersion.map { " \($0)" } ?? "" : ""
        return row("driver", .ok, "driver\(version) answers, \(gpus)")
    }

    private var isolation: HealthCheck {
        guard rights.machine else {
            let isEnforced = broker.snapshot.isolation == .enforced
            return row(
                "isolation", isEnforced ? .ok : .warning, "", isOpen: false,
                hidden: isEnforced ? "enforced" : "advisory: a user could get around the device nodes")
        }
        let report = broker.isolationReport()
        return row(
            "isolation", report.isolation == .enforced ? .ok : .warning,
            "\(report.isolation.rawValue): \(report.reason)", fix: report.remedy)
    }

    /// Left out for who may not know of the nodes: whether they stand is no secret, but looking at them is work.
    private var nodes: [HealthCheck] {
        guard rights.machine else { return [] }
        do throws(GateClosed) {
            let survey = try broker.nodeSurvey()
            guard let first = survey.first else { return [row("nodes", .ok, "\(survey.count) stand as they must")] }
            let finding = "\(survey.wrong) of \(survey.count) are not as they must be, the first: \(first)"
            return [row("nodes", .bad, finding, fix: first.fix)]
        } catch {
            return [row("nodes", .bad, "\(error)", fix: error.fix)]
        }
    }

    // MARK: - Policy and record

    /// What sets it right names no path, and without a policy nobody would have the right to know.
    private var policy: HealthCheck {
        let policy = broker.policy
        let problem = rights.policy ? policy.problems.first.map { ": \($0)" } ?? "" : ""
        let fix = "'migctl policy check' as root names every mistake"
        guard let set = policy.set else {
            return row("policy", .bad, "no policy is in force, so every change is denied\(problem)", fix: fix)
        }
        let inForce = "policy \(set.hash.prefix(12))"
        if policy.problems.isEmpty { return row("policy", .ok, "\(inForce) is in force") }
        return row("policy", .bad, "\(inForce) stays in force, for the one after it was rejected\(problem)", fix: fix)
    }

    /// How much was recorded tells how much others do.
    private func upTo(_ record: Int64) -> String { rights.audit ? ", up to record \(record)" : "" }

    private var audit: HealthCheck {
        let directory = broker.audit.directory
        switch broker.audit.health {
        case .writable:
            return row("audit", .ok, "the audit log can be written" + upTo(broker.audit.head.seq))
        case .reserveOnly:
            return row(
                "audit", .bad, "the disk is full: nothing is changed, and only ends are recorded",
                fix: "make room in the file system of \(directory)", isOpen: rights.audit,
                hidden: "the audit log has no room, so nothing is changed")
        case .unwritable(let problem):
            return row(
                "audit", .bad, "the audit log cannot be written, so nothing is changed: \(problem)",
                fix: "set \(directory) right; the broker tries again by itself", isOpen: rights.audit,
                hidden: "the audit log cannot be written, so nothing is changed")
        }
    }

    private var seal: HealthCheck {
        switch broker.audit.sealing {
        case .running: row("seal", .ok, "the audit log is sealed with a key")
        case .none:
            row(
                "seal", .warning, "no key seals the audit log: its chain stands alone",
                fix: "stop migbrokerd, then migbrokerd --init-audit-key", isOpen: rights.audit,
                hidden: "no key seals the audit log")
        case .lost(let why):
            row(
                "seal", .bad, "the audit log was sealed and is not any more: \(why)",
                fix: "stop migbrokerd, then migbrokerd --init-audit-key", isOpen: rights.audit,
                hidden: "the audit log is not sealed any more")
        }
    }

    /// No row where there is no journal that should be told.
    private var journal: [HealthCheck] {
        guard let journal = witnesses.journal else { return [] }
        let status = journal.status
        guard let problem = status.problem else {
            return [row("journal", .ok, "the journal is told every record")]
        }
        let finding = "the journal does not take records, \(status.untold) so far: \(problem)"
        return [
            row(
                "journal", .warning, finding, fix: "systemctl status systemd-journald.socket", isOpen: rights.audit,
                hidden: "the journal does not take records")
        ]
    }

    private var heads: [HealthCheck] {
        guard let heads = witnesses.heads else { return [] }
        let status = heads.status
        guard let problem = status.problem else {
            return [row("heads", .ok, "the heads of the audit log are noted" + upTo(status.noted))]
        }
        return [
            row(
                "heads", .bad, "the heads of the audit log cannot be noted: \(problem)",
                fix: "set \(heads.path) right; the broker tries again by itself", isOpen: rights.audit,
                hidden: "the heads of the audit log cannot be noted")
        ]
    }

    private var clock: HealthCheck {
        broker.isClockTrusted
            ? row("clock", .ok, "the clock has not been set back")
            : row(
                "clock", .bad, "the clock was set back, so rules with hours do not count",
                fix: "set the clock right, then 'systemctl reload migbrokerd'")
    }
}
