/// How many reads a second the broker answers, beside the echo under the same load.
enum Throughput {
    private static let rounds = 5
    private static let milliseconds: Int64 = 300

    static func measure(_ stage: Stage, _ stopwatch: Stopwatch) throws(BenchmarkError) -> Table.Section {
        let question = try Question(of: stage)
        var rows: [Table.Row] = []
        for connections in [1, 8, 64] {
            rows += try measure(question, stopwatch, connections, aim: connections == 8 ? .perSecond(50_000) : nil)
        }
        try question.echo.stop()
        return Table.Section(
            title: "Answers a second, \(question.sizes), \(rounds) x \(milliseconds) ms", rows: rows)
    }

    /// The echo and the broker in turns.
    static func measure(
        _ question: Question, _ stopwatch: Stopwatch, _ connections: Int, aim: Table.Aim? = nil
    ) throws(BenchmarkError) -> [Table.Row] {
        var rates = [Samples(), Samples()]
        for _ in 0..<rounds {
            try stopwatch.stopIfAsked()
            for (number, path) in [question.echo.path, question.socket].enumerated() {
                rates[number].add(
                    try Load.rate(of: path, question.message, connections: connections, milliseconds: milliseconds))
            }
        }
        let over = "over \(connections) connection\(connections == 1 ? "" : "s")"
        return [
            Table.Row("echo, \(over)", rate: rates[0]),
            Table.Row("ListGPUs, \(over)", rate: rates[1], beside: rates[0], aim: aim),
        ]
    }
}
