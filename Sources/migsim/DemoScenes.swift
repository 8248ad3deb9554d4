import JSON
import Linux
import SimulatedMachine

/// The scenes of the demonstration, in the order in which people meet them.
struct DemoScenes {
    let stage: DemoStage

    func play() throws(Failure) {
        try tell(
            """
            # A server with one \(try model()), simulated, and four people:
            # alice and bob are in the group ml, dave is an auditor, carol is neither.
            # The policy lets ml have slices up to 3g.20gb, two each; see \(stage.broker)/etc/migbroker/policy.json
            """)
        try taking()
        try denying()
        try opening()
        try ending()
        try auditing()
        try tell("# That was the main job. 'migsim demo --stay' leaves you in a shell there.")
    }

    private func taking() throws(Failure) {
        try tell("\n# Alice wants half a GPU now. No root, no ticket.")
        try show("migctl request 3g.20gb", as: DemoStage.alice, ends: 0, saying: "3g.20gb")
        try show("migctl gpus", as: DemoStage.alice, ends: 0)
    }

    private func denying() throws(Failure) {
        try tell("\n# Carol is not in the group. She is told what is missing.")
        try show("migctl request 3g.20gb", as: DemoStage.carol, ends: 3, saying: "no rule allows")
        try tell("\n# Bob may have two slices, not three.")
        try show("migctl request 1g.5gb 1g.5gb", as: DemoStage.bob, ends: 0)
        try show("migctl request 1g.5gb", as: DemoStage.bob, ends: 6, saying: "ml-each")
    }

    private func opening() throws(Failure) {
        let nodes = try capabilityNodes(of: DemoStage.alice)
        guard let node = nodes.last else { throw .text("alice's device has no nodes") }
        try tell(
            """

            # The kernel enforces it: the slice's device node is open to alice and to nobody else.
            # (ENXIO is the kernel's yes: the permission checks were passed, and no real driver is behind the node.)
            """)
        try show("cat \(node)", as: DemoStage.alice, onMachine: true, ends: 1, saying: "No such device or address")
        try show("cat \(node)", as: DemoStage.bob, onMachine: true, ends: 1, saying: "Permission denied")
    }

    private func ending() throws(Failure) {
        try tell("\n# Alice gives her slice back; her access went before it was destroyed.")
        let nodes = try capabilityNodes(of: DemoStage.alice)
        try show("migctl release --all", as: DemoStage.alice, ends: 0)
        if let node = nodes.last {
            try show("cat \(node)", as: DemoStage.alice, onMachine: true, ends: 1, saying: "Permission denied")
        }
    }

    private func auditing() throws(Failure) {
        try tell("\n# Dave reads who did what, and checks that nobody altered it.")
        try show("migctl audit show", as: DemoStage.dave, ends: 0, saying: "alice")
        try show("migctl audit verify", as: DemoStage.dave, ends: 0)
        try tell("\n# A copy of the log with one name changed does not pass.")
        let copy = "\(stage.directory)/copy.jsonl"
        try show("sed 's/\"bob\"/\"eve\"/' \(stage.auditLog) > \(copy)", as: DemoStage.root, ends: 0)
        try show("migctl audit verify \(copy)", as: DemoStage.root, ends: 10)
    }

    /// Prints a command as a terminal shows it, runs it, and holds its end against what the scene says.
    private func show(
        _ command: String, as person: DemoStage.Person, onMachine: Bool = false, ends status: Int32,
        saying expected: String = ""
    ) throws(Failure) {
        try MigSim.print("\(person.name)\(person.uid == 0 ? "#" : "$") \(command)\n")
        let words = ["sh", "-c", command]
        let (code, text) = try stage.run(words, as: person, onMachine: onMachine)
        try MigSim.print(text)
        guard code == status, text.contains(expected) else {
            throw .text("the scene was to end with \(status) and '\(expected)', and ended with \(code)")
        }
    }

    private func tell(_ text: String) throws(Failure) { try MigSim.print(text + "\n") }

    private func model() throws(Failure) -> String {
        let state = try openMachine(stage.machine)
        return try machine { () throws(MachineError) in try state.state().gpus.first?.model.name ?? "GPU" }
    }

    /// The capability nodes of a person's first device, as paths on the machine.
    private func capabilityNodes(of person: DemoStage.Person) throws(Failure) -> [String] {
        let text = try stage.output(["migctl", "--json", "devices"], as: person)
        let reply = try? JSONParser.parse(Array(text.utf8), limits: .reply)
        let nodes = reply?["devices"]?.arrayValue?.first?["nodes"]?.arrayValue ?? []
        return nodes.compactMap(\.stringValue).filter { $0.contains("nvidia-caps") }
    }
}
