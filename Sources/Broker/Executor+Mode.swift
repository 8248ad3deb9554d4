import Audit
import MIG
import NVML
import Nodes
import Policy

/// MIG modes of whole GPUs.
extension Executor {
    /// A mode to be set on one GPU, and what it was.
    struct ModeStep {
        let gpu: GPU
        let isEnabled: Bool
    }

    /// What became of one GPU's mode.
    enum ModeEnding {
        case set(MIGModeChange)
        /// The driver refused, or accepted it and then could not be looked at, and it was set back.
        case failed(NVMLError)
        /// The driver accepted it and could not be looked at any more, nor was it set back: it may be so or not.
        case unsettled(NVMLError)
        /// Set, and set back because another one failed.
        case undone
        /// Set, and could not be set back.
        case leftBehind(NVMLError)
        /// Not tried, because an earlier one failed.
        case untouched
    }

    struct ModeExecution: ~Copyable {
        let intent: IntentReceipt
        /// One for each step.
        let endings: [ModeEnding]
    }

    /// Sets the modes one after another; where one fails, those before it are set back.
    ///
    /// One that the driver accepts and puts off until a reset has not failed.
    func set(
        _ permit: consuming Permit, _ gate: consuming Gate, _ steps: [ModeStep], _ intent: consuming IntentReceipt
    ) -> ModeExecution {
        for step in steps {
            precondition(permit.covers(.setMode(on: step.gpu.uuid)), "a permit is spent on what it was given for")
        }
        var endings: [ModeEnding] = []
        for step in steps {
            do throws(NVMLError) {
                endings.append(.set(try driver.setMIGMode(enabled: step.isEnabled, on: step.gpu.uuid)))
            } catch {
                let before = zip(steps, endings).map { step, _ in setBack(step) }
                var ending = ModeEnding.failed(error)
                // Accepted, and then nobody could see what came of it: then it is set back for good measure.
                if case .unconfirmed = error, case .leftBehind = setBack(step) { ending = .unsettled(error) }
                let untouched = steps.dropFirst(endings.count + 1).map { _ in ModeEnding.untouched }
                return ModeExecution(intent: intent, endings: before + [ending] + untouched)
            }
        }
        return ModeExecution(intent: intent, endings: endings)
    }

    private func setBack(_ step: ModeStep) -> ModeEnding {
        do throws(NVMLError) {
            // What was pending before is pending again, which is all that can be had of it.
            let wasEnabled = step.gpu.mode?.isPendingEnabled ?? !step.isEnabled
            _ = try driver.setMIGMode(enabled: wasEnabled, on: step.gpu.uuid)
            return .undone
        } catch {
            return .leftBehind(error)
        }
    }
}
