import Linux
import TestSupport
import Testing

/// A machine whose driver has capabilities as files of `/proc` and not as nodes: the broker has nothing there that it
/// could open to one user.
@Suite("A driver without nodes", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct OldDriverTests {
    private static func machine(enabled: Int) -> [String] {
        ["--gpu", "A100", "--driver", "470.82.01", "--mig", "--module", "nv_cap_enable_devfs=\(enabled)"]
    }

    @Test func `the broker says why it changes nothing there, shows what there is, and names the way out`() throws {
        let stage = try Stage(machine: Self.machine(enabled: 0), policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon()
        let parameter = "\(stage.machine)/sys/module/nvidia/parameters/nv_cap_enable_devfs"
        let reason =
            "the driver's capabilities are files of /proc, which cannot be given to one user: \(parameter) is 0"
        let log = try stage.daemonLog()
        #expect(log.contains("nodes could not be made: \(reason)\n"), "\(log)")
        #expect(try stage.migctl("gpus", as: Stage.alice).output.contains("NVIDIA A100-SXM4-40GB"))
        #expect(try stage.migctl("whoami", as: Stage.alice).output.contains("advisory"))
        for line in ["request 1g.5gb", "gi create 19", "mode disable --gpu 0 --yes"] {
            let person = line.hasPrefix("mode") ? Stage.root : Stage.alice
            let refused = try stage.migctl(line, as: person)
            #expect(refused.code == 1, "\(line)")
            #expect(refused.errors.contains("DeviceGateClosed: \(parameter) \(reason)"), "\(line): \(refused.errors)")
            #expect(refused.errors.contains("options nvidia nv_cap_enable_devfs=1"), "\(line): \(refused.errors)")
        }
        #expect(try stage.machine().instances == 0)
        #expect(try stage.modes() == [[true, true]])
        #expect(try stage.records("intent").isEmpty)
        #expect(!Files.exists("\(stage.machine)/dev/nvidia-caps"))
        let making = try stage.run(
            ["\(stage.path)/bin/migbrokerd", "--driver", stage.machine, "--make-nodes"], as: Stage.root)
        #expect(making.code == 1 && making.errors.contains(reason), "\(making.errors)")
        #expect(try daemon.stop() == .exited(0))
    }

    @Test func `the same driver with nodes serves as any other`() throws {
        let stage = try Stage(machine: Self.machine(enabled: 1), policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl("request 1g.5gb", as: Stage.alice).code == 0)
        #expect(try stage.migctl("release --all", as: Stage.alice).code == 0)
        #expect(try stage.violations() == [])
        _ = daemon
    }
}
