import API
import JSON
import Linux
import Varlink

/// A question to the broker as bytes, beside an echo with an answer of the same size.
struct Question {
    let message: [UInt8]
    let answerBytes: Int
    let socket: String
    let echo: RunningEcho

    /// What is free on every GPU.
    init(of stage: Stage) throws(BenchmarkError) {
        let method = BrokerInterface.qualified("ListGPUs")
        message = VarlinkMessage.call(method, .object([]), .single).bytes
        socket = stage.socket
        let client = try stage.client()
        let parameters = try BenchmarkError.from { () throws(VarlinkClientError) in try client.call(method) }
        let answer = VarlinkMessage.reply(parameters).bytes
        answerBytes = answer.count
        echo = try Echo.start(stage, named: "echo", answer: answer)
    }

    var sizes: String { "\(message.count) bytes there and \(answerBytes) back" }
}

/// What a read costs beside an echo of the same size.
enum Reads {
    private static let rounds = 40
    private static let each = 50

    static func measure(_ stage: Stage, _ stopwatch: Stopwatch) throws(BenchmarkError) -> Table.Section {
        let question = try Question(of: stage)
        let call = question.message
        let library = try stage.client()
        let keptEcho = try KeptConnection(to: question.echo.path)
        let keptRead = try KeptConnection(to: question.socket)
        try stage.place(question.echo, on: "0")
        let actions: [Stopwatch.Action] = [
            .init { () throws(BenchmarkError) in try keptEcho.call(call) },
            .init { () throws(BenchmarkError) in try keptRead.call(call) },
            .init { () throws(BenchmarkError) in
                _ = try BenchmarkError.from { () throws(VarlinkClientError) in
                    try library.call(BrokerInterface.qualified("ListGPUs"))
                }
            },
            .init { () throws(BenchmarkError) in try KeptConnection(to: question.echo.path).call(call) },
            .init { () throws(BenchmarkError) in try KeptConnection(to: question.socket).call(call) },
        ]
        let times = try stopwatch.time(rounds: rounds, each: each, actions)
        try stage.setPolicy(asksOrigin: false)
        let unasked = try stopwatch.time(rounds: rounds, each: each, Array(actions.suffix(2)))
        try stage.setPolicy(asksOrigin: true)
        try stage.place(question.echo, on: try Benchmark.processors())
        try question.echo.stop()
        return Table.Section(
            title: "Reads, \(question.sizes), all on one CPU, \(rounds * each) times",
            rows: [
                Table.Row("echo, kept connection", times[0]),
                Table.Row("ListGPUs, kept connection", times[1], beside: times[0], aim: .times(150)),
                Table.Row("the same, decoded by the client library", times[2], beside: times[0]),
                Table.Row("echo, new connection", times[3]),
                Table.Row("ListGPUs, new connection", times[4], beside: times[3], aim: .times(200)),
                Table.Row("the same, no rule has from", unasked[1], beside: unasked[0], aim: .times(200)),
            ])
    }
}
