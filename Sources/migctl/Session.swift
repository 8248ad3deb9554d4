import API
import JSON
import Linux
import MIG
import Varlink

/// A reply, taken apart and as it came.
struct Answer<Reply: WireObject> {
    let reply: Reply
    let wire: JSONValue
}

/// One run of a verb: what was asked for everywhere, and the connection once it is needed.
final class Session {
    let globals: GlobalOptions
    let output: Output
    private var client: VarlinkClient?

    init(globals: GlobalOptions, output: Output) {
        self.globals = globals
        self.output = output
    }

    /// Whether ids alone are wanted.
    var isQuiet: Bool { globals.isQuiet }

    /// Calls a method that reads; `purpose` completes "cannot ...".
    func call<Reply: WireObject>(
        _ method: String, _ parameters: JSONValue = .object([]), to purpose: SafeText, milliseconds: Int = 60_000
    ) throws(Failure) -> Answer<Reply> {
        try decode(try wire(method, parameters, milliseconds: milliseconds, purpose: purpose), purpose: purpose)
    }

    /// Calls a method that changes something, under a key of its own: where the connection breaks, the same call is
    /// made once more, and the broker knows it again.
    func change<Reply: WireObject>(
        _ method: String, _ parameters: JSONValue, to purpose: SafeText
    ) throws(Failure) -> Answer<Reply> {
        let keyed = parameters.adding("key", .string(Hex.text(of: Random.bytes(16))))
        let reply: JSONValue
        do throws(VarlinkClientError) {
            reply = try attempt(method, keyed, milliseconds: Self.changeMilliseconds)
        } catch .connectionLost {
            output.talk("the connection broke; asking again")
            reply = try wire(method, keyed, milliseconds: Self.changeMilliseconds, purpose: purpose)
        } catch {
            throw Failure(error, purpose: purpose, socket: globals.socket)
        }
        return try decode(reply, purpose: purpose)
    }

    /// Takes the replies of a stream one by one until `each` has enough, and waits so long for each, or for ever.
    func stream(
        _ method: String, _ parameters: JSONValue, to purpose: SafeText, milliseconds: Int? = 60_000,
        each: (JSONValue) -> Bool
    ) throws(Failure) {
        do throws(VarlinkClientError) {
            try connected().callMore(
                BrokerInterface.qualified(method), parameters, milliseconds: milliseconds, each: each)
        } catch {
            throw Failure(error, purpose: purpose, socket: globals.socket)
        }
    }

    /// Waits on a connection of its own until something changes on the machine, at most so long.
    ///
    /// - Returns: false where the broker cannot tell.
    func waitForChange(milliseconds: Int) -> Bool {
        var seen = 0
        do throws(VarlinkClientError) {
            let monitor = try VarlinkClient(path: globals.socket)
            try monitor.callMore(BrokerInterface.qualified("Monitor"), .object([]), milliseconds: milliseconds) { _ in
                // The first reply says how things are now, the second that they have changed.
                seen += 1
                return seen < 2
            }
            return true
        } catch {
            return error == .timedOut && seen > 0
        }
    }

    /// Prints a reply as it came with `--json`, else in the way given.
    func show<Reply>(_ answer: Answer<Reply>, _ text: (Reply) throws(Failure) -> Void) throws(Failure) {
        if globals.isJSON { try output.json(answer.wire) } else { try text(answer.reply) }
    }

    /// Makes sure that a person wants what may hurt others: asks on a terminal, and needs `--yes` elsewhere.
    func confirm(_ plan: [SafeText], _ question: SafeText) throws(Failure) {
        guard !globals.isYes, !globals.isDryRun else { return }
        guard Terminal.isTerminal(Terminal.input), Terminal.isTerminal(Terminal.error) else {
            throw Failure(
                .usage, what: "nothing was done: this can hurt others", why: SafeText.joined(plan, separator: "; "),
                next: "give --yes if you mean it")
        }
        plan.forEach { output.error($0) }
        guard output.ask(question) else { throw Failure(.failed, what: "nothing was done") }
    }

    private static let changeMilliseconds = 180_000

    private func connected() throws(VarlinkClientError) -> VarlinkClient {
        if let client { return client }
        let client = try VarlinkClient(path: globals.socket)
        self.client = client
        return client
    }

    private func attempt(
        _ method: String, _ parameters: JSONValue, milliseconds: Int
    ) throws(VarlinkClientError) -> JSONValue {
        do throws(VarlinkClientError) {
            return try connected().call(
                BrokerInterface.qualified(method), parameters, milliseconds: milliseconds)
        } catch {
            // Only an error that the broker sent leaves the connection fit for the next call.
            if case .remote = error {} else { client = nil }
            throw error
        }
    }

    private func wire(
        _ method: String, _ parameters: JSONValue, milliseconds: Int, purpose: SafeText
    ) throws(Failure) -> JSONValue {
        do throws(VarlinkClientError) {
            return try attempt(method, parameters, milliseconds: milliseconds)
        } catch {
            throw Failure(error, purpose: purpose, socket: globals.socket)
        }
    }

    private func decode<Reply: WireObject>(_ wire: JSONValue, purpose: SafeText) throws(Failure) -> Answer<Reply> {
        do throws(JSONShapeError) {
            return Answer(reply: try Reply(json: wire), wire: wire)
        } catch {
            throw Failure(
                .noBroker, what: "cannot \(purpose)", why: "the broker's answer makes no sense: \(error)",
                next: "see whether migctl and migbrokerd are of one version")
        }
    }
}

extension JSONValue {
    /// The object with one more member.
    fileprivate func adding(_ key: String, _ value: JSONValue) -> JSONValue {
        .object((objectValue ?? []) + [Member(key, value)])
    }
}
