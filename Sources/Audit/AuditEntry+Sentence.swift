internal import MIG

extension AuditEntry {
    /// What happened, in one sentence for people.
    var sentence: String {
        switch record.type {
        case .start: "the broker began to work: \(record.shown(record.params) ?? "without a driver")"
        case .stop: "the broker ended in an orderly way"
        case .intent: "\(record.who) begins \(record.what)"
        case .outcome: "\(record.who): \(record.what): \(record.ending)"
        case .recovered: "\(record.what), which was cut off: \(record.ending)"
        case .denied: refusal
        case .leaseEnd: "\(record.leaseWords) ended\(record.because)"
        case .revoke: "the access of \(record.leaseWords) was taken\(record.because)"
        case .externalChange: "another tool changed \(record.gpuWords)\(record.because)"
        case .policyLoaded: "policy \(record.policy?.prefix(12) ?? "") is in force"
        case .policyRejected: "a policy was rejected\(record.because)"
        case .nodeRepaired: "\(record.shown(record.params) ?? "a node") was set right\(record.because)"
        case .clock: "the wall clock was stepped: \(record.shown(record.params) ?? "")"
        case .gap: "the audit log has a gap\(record.because)"
        case .rotate: "the audit log goes on in another segment"
        case .continue: "a segment of the audit log begins"
        case .checkpoint: "a checkpoint was taken"
        case .seal: "a part of the audit log was sealed"
        case .health: record.shown(record.reason) ?? "the broker's health changed"
        case .diskFull: "the disk of the audit log is full: nothing is changed until there is room"
        }
    }

    private var refusal: String {
        let count = record.count ?? 1
        let times = count == 1 ? "" : " \(count) times"
        let error = [record.error, record.reason].compactMap { record.shown($0) }.joined(separator: ": ")
        return "\(record.who) was refused \(record.shown(record.method) ?? "a call")\(times): \(error)"
    }
}

extension AuditRecord {
    /// As syslog counts: 6 is what happens every day, 3 what somebody must look after.
    var priority: Int {
        switch type {
        case .diskFull: 2
        case .gap, .policyRejected: 3
        case .externalChange, .clock: 4
        case .outcome, .recovered:
            switch result {
            case .leftBehind?: 3
            case .failed?, .undone?: 4
            case .ok?, .pending?, nil: 6
            }
        case .denied, .nodeRepaired, .policyLoaded, .health, .revoke: 5
        case .start, .stop, .intent, .leaseEnd, .rotate, .continue, .checkpoint, .seal: 6
        }
    }

    fileprivate func shown(_ text: String?) -> String? { text.map(AuditFormat.text) }

    fileprivate var who: String {
        switch (caller.user, caller.uid) {
        case (let user?, let uid?): "\(AuditFormat.text(user)) (uid \(uid))"
        case (nil, let uid?): "uid \(uid)"
        case (_, nil): "the broker"
        }
    }

    /// The change, with what it is about.
    fileprivate var what: String {
        var words = shown(method) ?? "a change"
        if let profile = shown(profile) { words += " of \(profile)" }
        if gpu != nil { words += " on \(gpuWords)" }
        if let lease { words += ", lease \(lease)" }
        return words
    }

    fileprivate var gpuWords: String { gpu.map { "\($0)" } ?? "the machine" }

    fileprivate var leaseWords: String {
        let owner = (caller.onBehalfOf ?? caller.uid).map { " of uid \($0)" } ?? ""
        return "lease \(lease.map { "\($0)" } ?? "")\(owner)"
    }

    fileprivate var because: String { shown(reason).map { ": \($0)" } ?? "" }

    fileprivate var ending: String {
        [result?.rawValue, error, reason].compactMap { shown($0) }.joined(separator: ", ")
    }
}
