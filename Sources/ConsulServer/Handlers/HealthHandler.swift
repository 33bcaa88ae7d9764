import ConsulProtocol

/// /v1/health/
enum HealthHandler {
    static func node(_ request: Request, _ loop: ConsulLoop) -> Step {
        if request.suffix.isEmpty { return .answer(.text(400, "Missing node name")) }
        return ReadStep.make(request, loop, .nodeHealth(request.suffixName), filter: Schemas.check)
    }

    static func checks(_ request: Request, _ loop: ConsulLoop) -> Step {
        if request.suffix.isEmpty { return .answer(.text(400, "Missing service name")) }
        let subject = Question.Subject.serviceChecks(
            request.suffixName,
            ReadStep.selection(request)
        )
        return ReadStep.make(request, loop, subject, filter: Schemas.check)
    }

    static func service(_ request: Request, _ loop: ConsulLoop) -> Step {
        if request.suffix.isEmpty { return .answer(.text(400, "Missing service name")) }
        var passingOnly = false
        if request.parameters.has("passing") {
            let value = request.parameters.first("passing")
            do throws(DecodeError) {
                passingOnly = value.isEmpty ? true : try Strconv.parseBool(value)
            } catch {
                return .answer(.text(400, "Invalid value for ?passing"))
            }
        }
        let subject = Question.Subject.serviceHealth(
            request.suffixName,
            ReadStep.selection(request),
            passingOnly: passingOnly
        )
        return ReadStep.make(request, loop, subject, filter: Schemas.serviceHealth)
    }

    static func state(_ request: Request, _ loop: ConsulLoop) -> Step {
        if request.suffix.isEmpty { return .answer(.text(400, "Missing check state")) }
        let subject = Question.Subject.state(request.suffixName, ReadStep.selection(request))
        return ReadStep.make(request, loop, subject, filter: Schemas.check)
    }
}
