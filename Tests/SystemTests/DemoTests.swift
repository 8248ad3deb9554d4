import Linux
import TestSupport
import Testing

@Suite("The demonstration", .serialized)
struct DemoTests {
    @Test(.enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"))
    func `every scene ends as it says, and nothing is left behind`() throws {
        let before = try Files.list("/tmp").filter { $0.hasPrefix("migsim-demo-") }
        let demo = try Command.run(BuiltProducts.path(of: "migsim"), ["demo"])
        #expect(demo.code == 0, "\(demo.output)\(demo.errors)")
        for words in [
            "alice$ migctl request 3g.20gb", "no rule allows request", "limit ml-each", "Permission denied",
            "No such device or address", "released", "the audit log is whole", "the audit log is not whole",
        ] {
            #expect(demo.output.contains(words), "\(words)")
        }
        #expect(try Files.list("/tmp").filter { $0.hasPrefix("migsim-demo-") } == before)
    }

    @Test(.enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"))
    func `without root it shows the simulated driver and the line to type`() throws {
        let directory = try TemporaryDirectory()
        for program in ["migsim", "migctl", "SimulatedNVML"] {
            #expect(try Command.run("cp", [BuiltProducts.path(of: program), directory.path(program)]).code == 0)
            try Files.setMode(directory.path(program), 0o755)
        }
        let demo = try Command.run(
            "setpriv", ["--reuid", "2001", "--regid", "2001", "--clear-groups", "--", directory.path("migsim"), "demo"])
        #expect(demo.code == 0, "\(demo.output)\(demo.errors)")
        #expect(demo.output.contains("NVIDIA A100-SXM4-40GB"))
        #expect(demo.output.contains("sudo \(directory.path("migsim")) demo"))
    }
}
