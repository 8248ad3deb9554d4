import API
import JSON
import Linux
import MIG

/// A change of instances or modes: what it would do can be seen before, and what was seen is what is done.
struct PlannedChange {
    let method: String
    /// Its parameters, but for those that say how it is to be done.
    let parameters: JSONValue
    /// Completes "cannot ...".
    let purpose: SafeText
    private let shown: PlanID?

    init(
        _ method: String, _ parameters: JSONValue, to purpose: SafeText, _ arguments: Arguments
    ) throws(Failure) {
        self.method = method
        self.parameters = parameters
        self.purpose = purpose
        shown = try arguments.value("--plan", expected: "the id that --dry-run prints") { PlanID($0) }
    }

    /// What every verb for such a change takes, and says of it in its help.
    static let options: [String: Options.Kind] = ["--plan": .value]
    static let details = [
        "  --plan ID    do just what --dry-run showed under this id, or nothing if the machine has changed since",
        "  --dry-run    show what would be done, with the id of that plan",
    ]

    /// Makes the change, after a look at its plan where `question` may find something in it to ask about; then just that
    /// plan is carried out or nothing.
    ///
    /// - Returns: nil for a dry run, whose plan is shown already.
    func make<Reply: PlannedReply>(
        _ session: Session, asking question: ((PlanInfo) throws(Failure) -> SafeText?)? = nil
    ) throws(Failure) -> Answer<Reply>? {
        if session.globals.isDryRun {
            let answer: Answer<Reply> = try session.call(method, with(plan: shown, dryRun: true), to: purpose)
            try session.show(answer) { reply throws(Failure) in
                try session.output.table(PlanTable.make(reply.plan))
                session.output.talk(
                    reply.plan.steps.isEmpty ? "there is nothing to do" : "nothing was done: plan \(reply.plan.id)")
            }
            return nil
        }
        guard shown == nil, let question else {
            return try session.change(method, with(plan: shown), to: purpose)
        }
        let preview: Answer<Reply> = try session.call(method, with(plan: nil, dryRun: true), to: purpose)
        let plan = preview.reply.plan
        guard let text = try question(plan) else {
            return try session.change(method, with(plan: nil), to: purpose)
        }
        try session.confirm(PlanTable.lines(plan), text)
        return try session.change(method, with(plan: PlanID(plan.id)), to: purpose)
    }

    /// Shows what was done; with -q the numbers alone of what each step was about.
    static func show(_ plan: PlanInfo, of action: String, in session: Session) throws(Failure) {
        guard session.isQuiet else {
            if plan.steps.isEmpty { session.output.talk("there was nothing to do") }
            return try session.output.table(PlanTable.make(plan))
        }
        for step in plan.steps where step.action.utf8.elementsEqual(action.utf8) {
            let numbers = [step.gpu.index, step.gi, step.ci].compactMap { $0 }.map(String.init)
            try session.output.line("\(numbers.joined(separator: ":"))")
        }
    }

    /// Whether a plan takes something from somebody else, or from another tool.
    static func hurtsOthers(_ plan: PlanInfo, _ session: Session) throws(Failure) -> Bool {
        let losses = plan.steps.filter { PlanTable.isLoss($0) && $0.gi != nil }
        guard !losses.isEmpty else { return false }
        let own = try LeaseNames(session, purpose: "see what is yours").own.map(\.id)
        return losses.contains { step in
            step.lease.map { id in !own.contains { $0.utf8.elementsEqual(id.utf8) } } ?? true
        }
    }

    private func with(plan: PlanID?, dryRun: Bool = false) -> JSONValue {
        var members = parameters.objectValue ?? []
        if let plan { members.append(JSONValue.Member("plan", .string(plan.description))) }
        if dryRun { members.append(JSONValue.Member("dryRun", true)) }
        return .object(members)
    }
}

/// A reply that tells a plan.
protocol PlannedReply: WireObject {
    var plan: PlanInfo { get }
}

extension ChangeReply: PlannedReply {}
extension SetMIGModeReply: PlannedReply {}
