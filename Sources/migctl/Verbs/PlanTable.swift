import API

/// The steps of a plan, to be done or done.
enum PlanTable {
    static func make(_ plan: PlanInfo) -> Table {
        var table = Table(
            .text("ACTION"), .number("GPU"), .optional("GI"), .optional("CI"), .optional("PROFILE"),
            .optional("PLACEMENT"), .optional("USER"), .optional("LEASE"))
        for step in plan.steps {
            table.add(
                Table.Cell("\(words(of: step))", isLoss(step) ? .caution : .plain), "\(step.gpu.index)",
                Table.Cell(step.gi.map(String.init)), Table.Cell(step.ci.map(String.init)), Table.Cell(step.profile),
                Table.Cell(step.placement.map { "\($0.start):\($0.size)" }), Table.Cell(step.user),
                Table.Cell(step.lease.map { String($0.prefix(8)) }))
        }
        return table
    }

    /// One line a step, for questions.
    static func lines(_ plan: PlanInfo) -> [SafeText] {
        plan.steps.map { step in
            let numbers = [step.gi.map { " \($0)" } ?? "", step.ci.map { ":\($0)" } ?? ""].joined()
            let profile = step.profile.map { ", \($0)" } ?? ""
            let whose =
                step.user.map { ", \($0)'s" } ?? (isLoss(step) && step.gi != nil ? ", of another tool" : "")
            return "\(words(of: step))\(numbers) on GPU \(step.gpu.index)\(profile)\(whose)"
        }
    }

    /// Whether something that is there goes.
    static func isLoss(_ step: PlanStep) -> Bool {
        ["destroy-gpu-instance", "destroy-compute-instance", "disable-mig"].contains {
            $0.utf8.elementsEqual(step.action.utf8)
        }
    }

    private static func words(of step: PlanStep) -> SafeText {
        switch step.action {
        case "create-gpu-instance": "create GPU instance"
        case "create-compute-instance": "create compute instance"
        case "destroy-gpu-instance": "destroy GPU instance"
        case "destroy-compute-instance": "destroy compute instance"
        case "enable-mig": "enable MIG mode"
        case "disable-mig": "disable MIG mode"
        default: SafeText(step.action)
        }
    }
}
