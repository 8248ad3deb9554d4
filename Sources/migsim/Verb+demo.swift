import Linux
import MIG

extension Verb {
    static let demo = Verb(
        name: "demo", usage: "demo [--stay]",
        summary: """
            Shows the main job as a new user sees it: broker, client and simulated GPUs in a temporary directory, users
            allowed and denied, the record shown and verified. With --stay you get a shell there when it is over.
            Everything runs in a mount namespace of its own, so it needs root; without root it shows what it can.
            """
    ) { words throws(Failure) in
        let words = try Words(words, kinds: ["--stay": .flag])
        try words.requireNoCommand()
        _ = try words.arguments()
        guard CurrentProcess.user == .root else { return try DemoWithoutRoot.run() }
        try Demo.run(stays: words.has("--stay"))
    }
}

/// The demonstration: each scene is real commands of real users, and each has to end as it says.
enum Demo {
    static func run(stays: Bool) throws(Failure) {
        let stage = try DemoStage()
        do throws(Failure) {
            try stage.startBroker()
            try DemoScenes(stage: stage).play()
            if stays { try stage.shell() }
        } catch {
            stage.end()
            throw error
        }
        stage.end()
    }
}
