import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

/// The vendor's own tool: MIGBROKER_NVIDIA_SMI, or the one that is installed.
private let program: String? = {
    if let named = CurrentProcess.environment("MIGBROKER_NVIDIA_SMI") { return named }
    return Command.exists("nvidia-smi") ? "nvidia-smi" : nil
}()

private let canRun = program != nil && CurrentProcess.user == .root && BuiltProducts.has("SimulatedNVML")

@Suite(.enabled(if: canRun, "needs root, nvidia-smi (or MIGBROKER_NVIDIA_SMI) and the built library"))
struct `nvidia-smi on a simulated machine` {
    private static func smi(_ test: borrowing TestMachine, _ words: String...) throws -> Command {
        let environment = [Command.defaultPath, "LD_LIBRARY_PATH=\(test.path)/lib"]
        return try Command.run(try #require(program), words, environment: environment)
    }

    @Test func `it turns MIG on, makes, lists and destroys, and says what it says of real boards`() throws {
        let test = try TestMachine([.h100, .a100], isMIGEnabled: false, library: TestMachine.library)
        #expect(
            try Self.smi(test, "-i", "1", "-mig", "1").output.hasPrefix("Enabled MIG Mode for GPU 00000000:0E:00.0"))
        let made = try Self.smi(test, "mig", "-i", "1", "-cgi", "19,9", "-C")
        #expect(
            made.output == """
                Successfully created GPU instance ID 13 on GPU  1 using profile MIG 1g.5gb (ID 19)
                Successfully created compute instance ID  0 on GPU  1 GPU instance ID 13 using profile MIG 1g.5gb (ID  0)
                Successfully created GPU instance ID  1 on GPU  1 using profile MIG 3g.20gb (ID  9)
                Successfully created compute instance ID  0 on GPU  1 GPU instance ID  1 using profile MIG 3g.20gb (ID  2)

                """)
        let instances = try Self.smi(test, "mig", "-lgi").output
        #expect(instances.contains("|   1  MIG 1g.5gb          19       13          6:1     |"))
        #expect(instances.contains("|   1  MIG 3g.20gb          9        1          0:4     |"))
        #expect(try Self.smi(test, "mig", "-lci").output.contains("|   1     13       MIG 1g.5gb "))
        let placements = try Self.smi(test, "mig", "-lgipp").output
        #expect(placements.contains("GPU  1 Profile ID 19 Placements: {0,1,2,3,4,5,6}:1\n"))
        #expect(placements.contains("GPU  1 Profile ID  0 Placement : {0}:8\n"))
        let listed = try Self.smi(test, "-L").output
        for device in try test.machine.state().gpus[1].devices {
            #expect(listed.contains("(UUID: \(device.compute.uuid))"))
        }
        let full = try Self.smi(test, "mig", "-i", "1", "-cgi", "0")
        #expect(full.code == 23)
        #expect(
            full.output.contains("Unable to create a GPU instance on GPU  1 using profile 0: Insufficient Resources"))
        #expect(try Self.smi(test, "mig", "-dgi", "-i", "1").output.contains("In use by another client"))
        #expect(try Self.smi(test, "mig", "-dci", "-i", "1").code == 0)
        #expect(try Self.smi(test, "mig", "-dgi", "-i", "1").code == 0)
        #expect(try test.machine.state().gpus[1].instances.isEmpty)
        #expect(try Self.smi(test, "-i", "1", "-mig", "0").output.hasPrefix("Disabled MIG Mode"))
    }
}
