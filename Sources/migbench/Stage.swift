import API
import JSON
import Linux
import MIG
import Varlink

/// A simulated machine and a broker on it, in a directory that goes with them.
final class Stage {
    /// The kind of slice that is requested.
    static let profile = "1g.5gb"
    private static let patienceSeconds = 10

    /// The directory that the stage's own lies in.
    let place: String
    let directory: String
    private let programs: String
    private var daemon: RunningProgram?

    /// Bytes that the broker holds, without the simulated driver's library and of it.
    struct Memory {
        let own: Int64
        let library: Int64
    }

    var broker: String { "\(directory)/broker" }
    var socket: String { "\(broker)/run/migbroker/io.migbroker.Broker" }
    /// In memory where there is a place for that, as the trees and nodes of a real driver are: on a disk the files in
    /// which the simulated one keeps its state would cost more than the change.
    var machine: String {
        Files.exists(Self.memory) ? "\(Self.memory)/\(Files.name(of: directory))" : "\(directory)/machine"
    }
    private static let memory = "/dev/shm"
    private var log: String { "\(directory)/log" }

    /// Without delays in the driver.
    init(in place: String, gpus: Int = 1) throws(BenchmarkError) {
        guard CurrentProcess.user == .root else { throw .needsRoot }
        self.place = place
        directory = "\(place)/migbench-\(CurrentProcess.pid)-\(gpus)"
        programs = Files.parent(of: try BenchmarkError.from(CurrentProcess.executable))
        for name in ["migbrokerd", "migctl", "migsim", "SimulatedNVML"] where !Files.exists(program(name)) {
            throw .notBuilt(program(name))
        }
        CurrentProcess.setFileCreationMask(0o022)
        try BenchmarkError.from { () throws(SystemError) in try Files.makeDirectory(directory) }
        do throws(BenchmarkError) {
            try run(program("migsim"), ["new", machine, "--gpu", "A100", "--count", String(gpus), "--mig"])
            try BenchmarkError.from { () throws(SystemError) in
                try Files.makeDirectories("\(broker)/etc/migbroker")
            }
            try writePolicy(asksOrigin: true)
        } catch {
            end()
            throw error
        }
    }

    /// The path of a program that was built beside this one.
    func program(_ name: String) -> String { "\(programs)/\(name)" }

    /// Runs a program to its end, which must be a good one.
    func run(_ path: String, _ arguments: [String]) throws(BenchmarkError) {
        try RunningProgram(path, arguments, log: log).finish()
    }

    /// Starts the broker, and returns when it has answered with its GPU.
    func startBroker() throws(BenchmarkError) {
        let daemon = try RunningProgram(
            program("migbrokerd"),
            [
                "--root", broker, "--driver", machine,
                // What is measured is the cost of calls, not the bounds on how many one user may make.
                "--limit", "changesPerSecond=1000000", "--limit", "changeBurst=1000000",
                "--limit", "connections=512", "--limit", "connectionsPerUser=512",
            ], log: log)
        self.daemon = daemon
        let deadline = Clock.monotonic() + Int64(Self.patienceSeconds) * 1_000_000_000
        while try !answers() {
            guard try !daemon.hasFinished(), Clock.monotonic() < deadline else {
                throw daemon.silence(seconds: Self.patienceSeconds)
            }
            Clock.sleep(milliseconds: 1)
        }
    }

    /// Whether the broker lists its GPU; one that does not listen yet, or has not read the driver, does not.
    private func answers() throws(BenchmarkError) -> Bool {
        let value: JSONValue
        do throws(VarlinkClientError) {
            value = try VarlinkClient(path: socket).call(BrokerInterface.qualified("ListGPUs"))
        } catch .unreachable {
            return false
        } catch {
            throw .other("\(error)")
        }
        return try BenchmarkError.from { () throws(JSONShapeError) in try !ListGPUsReply(json: value).gpus.isEmpty }
    }

    /// Has the broker end in an orderly way.
    func stopBroker() throws(BenchmarkError) {
        let daemon = daemon.take()
        try daemon?.stop(seconds: Self.patienceSeconds)
    }

    /// Somebody who speaks to the broker.
    func client() throws(BenchmarkError) -> VarlinkClient {
        try BenchmarkError.from { () throws(VarlinkClientError) in try VarlinkClient(path: socket) }
    }

    /// What the broker holds in memory now.
    func residentMemory() throws(BenchmarkError) -> Memory {
        guard let daemon else { throw .unexpected("no broker runs") }
        let (all, rest) = try daemon.residentMemory(without: "/libnvidia-ml.so.1")
        return Memory(own: rest, library: all - rest)
    }

    /// Keeps the broker's loop, an echo and this program on some processors.
    ///
    /// On one of them a call costs what it takes to work it off. On several the scheduler now and then wakes an idle
    /// one for it, which takes longer than the call, and which of the servers it does that to is chance.
    func place(_ echo: RunningEcho, on processors: String) throws(BenchmarkError) {
        for pid in [daemon?.pid, echo.pid, CurrentProcess.pid].compactMap({ $0 }) {
            try run("/usr/bin/taskset", ["-c", "-p", processors, String(pid)])
        }
    }

    /// Ends the broker and removes everything.
    func end() {
        do throws(BenchmarkError) { try stopBroker() } catch { Benchmark.say("\(error)") }
        for place in [directory, machine] where Files.exists(place) {
            do throws(SystemError) { try Files.removeTree(place) } catch {
                Benchmark.say("\(place) is left behind: \(error)")
            }
        }
    }

    /// Puts another policy in force, which asks where root calls from or does not.
    func setPolicy(asksOrigin: Bool) throws(BenchmarkError) {
        try writePolicy(asksOrigin: asksOrigin)
        let client = try client()
        _ = try BenchmarkError.from { () throws(VarlinkClientError) in
            try client.call(BrokerInterface.qualified("ReloadPolicy"))
        }
    }

    private func writePolicy(asksOrigin: Bool) throws(BenchmarkError) {
        let text = """
            {
              "version": 1,
              "allow": [
                { "id": "root", "who": { "users": ["root"] }, \(asksOrigin ? #""from": "host","# : "")
                  "actions": ["read.own", "request", "release.own", "policy.reload"] }
              ]
            }

            """
        try BenchmarkError.from { () throws(SystemError) in
            try Files.write("\(broker)/etc/migbroker/policy.json", Array(text.utf8))
        }
    }
}
