import Linux

/// What a user waits for who types a command, from start to end of the process.
enum Programs {
    private static let rounds = 100
    private static let sudo = "/usr/bin/sudo"

    static func measure(_ stage: Stage, _ stopwatch: Stopwatch) throws(BenchmarkError) -> Table.Section {
        let arguments = ["--root", stage.broker, "gpus"]
        let client = stage.program("migctl")
        let obstacle = obstacleToSudo(stage)
        var actions: [Stopwatch.Action] = [
            .init { () throws(BenchmarkError) in try stage.run("/bin/true", []) },
            .init { () throws(BenchmarkError) in try stage.run(client, arguments) },
        ]
        if obstacle == nil {
            actions.append(.init { () throws(BenchmarkError) in try stage.run(sudo, ["-n", "true"]) })
        }
        let times = try stopwatch.time(rounds: rounds, actions)
        var rows = [Table.Row("/bin/true", times[0])]
        if let obstacle {
            rows += [Table.Row("sudo -n true", note: obstacle), Table.Row("migctl gpus", times[1], beside: times[0])]
        } else {
            rows += [
                Table.Row("sudo -n true", times[2]),
                Table.Row("migctl gpus", times[1], beside: times[2], aim: .times(50)),
            ]
        }
        return Table.Section(title: "Whole programs, \(rounds) times", rows: rows)
    }

    /// Why there is nothing to compare with, or nil.
    private static func obstacleToSudo(_ stage: Stage) -> String? {
        guard Files.exists(sudo) else { return "not installed" }
        do throws(BenchmarkError) {
            try stage.run(sudo, ["-n", "true"])
            return nil
        } catch {
            return "not allowed"
        }
    }
}
