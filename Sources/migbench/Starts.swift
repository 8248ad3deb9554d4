import Linux

/// How long nobody is served when the broker starts.
enum Starts {
    private static let rounds = 10

    /// Starts the broker again and again, and leaves it running.
    static func measure(_ stage: Stage, _ stopwatch: Stopwatch) throws(BenchmarkError) -> Table.Section {
        var first = Samples()
        let began = Clock.monotonic()
        try stage.startBroker()
        first.add(Clock.monotonic() - began)
        let times = try stopwatch.time(
            rounds: rounds,
            [
                .init { () throws(BenchmarkError) in try stage.stopBroker() },
                .init { () throws(BenchmarkError) in try stage.startBroker() },
            ])
        return Table.Section(
            title: "From the start of the broker to the answer that lists the GPU, \(rounds) times",
            rows: [
                Table.Row("first start, which makes the device nodes", first),
                Table.Row("start", times[1], aim: .atMost(20_000_000)),
                Table.Row("end, to the end of the process", times[0]),
            ])
    }
}
