import Linux

/// What a user waits for who types a command, from start to end of the process.
enum Programs {
    private static let rounds = 100

    static func measure(_ stage: Stage, _ stopwatch: Stopwatch) throws(BenchmarkError) -> Table.Section {
        let arguments = ["--root", stage.broker, "gpus"]
        let client = stage.program("migctl")
        let times = try stopwatch.time(
            rounds: rounds,
            [
                .init { () throws(BenchmarkError) in try stage.run("/bin/true", []) },
                .init { () throws(BenchmarkError) in try stage.run(client, arguments) },
            ])
        return Table.Section(
            title: "Whole programs, \(rounds) times",
            rows: [
                Table.Row("/bin/true", times[0]),
                Table.Row("migctl gpus", times[1], beside: times[0]),
            ])
    }
}
