"""The steps of the line, one file a stage; `line/step.py` says what a step is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.domain.lifecycle import StepKind
from axon_factory.line.step import LinePorts, LocalStep, PortStep
from axon_factory.line.steps.build import BuildNext, FinishBuild, PublishRepository
from axon_factory.line.steps.deploy import (
    Deliver,
    Deploy,
    MakeCredentials,
    RotateCredentials,
    Undeploy,
)
from axon_factory.line.steps.erase import EraseOrder
from axon_factory.line.steps.plan import AnswerQuestion, AutoApprove, Claim, MakePlan
from axon_factory.line.steps.review import GiveVerdict, RunCheck
from axon_factory.line.steps.run import InterruptRun, StartRun, StopRun

__all__ = ["build_steps"]


def build_steps(
    ports: LinePorts, products: Path, tokens: SystemTokens
) -> Mapping[StepKind, LocalStep | PortStep[Any, Any]]:
    """Return every kind's step.

    `products` is the folder of the products' repositories; `tokens` mints what agents get.
    """
    return {
        StepKind.CLAIM: Claim(),
        StepKind.PLAN: MakePlan(ports.planner),
        StepKind.ANSWER: AnswerQuestion(ports.planner),
        StepKind.AUTO_APPROVE: AutoApprove(),
        StepKind.START_SESSION: StartRun(ports.builder, products, tokens),
        StepKind.BUILD: BuildNext(ports.builder, products),
        StepKind.PUBLISH: PublishRepository(ports.git_host, products),
        StepKind.FINISH_BUILD: FinishBuild(),
        StepKind.CHECK: RunCheck(ports.council, products),
        StepKind.VERDICT: GiveVerdict(),
        StepKind.CREDENTIALS: MakeCredentials(ports.secret_box),
        StepKind.DEPLOY: Deploy(ports.deployer, ports.secret_box, products),
        StepKind.DELIVER: Deliver(),
        StepKind.ROTATE: RotateCredentials(ports.deployer, ports.secret_box, products),
        StepKind.STOP_SESSION: StopRun(ports.builder, products),
        StepKind.INTERRUPT: InterruptRun(),
        StepKind.UNDEPLOY: Undeploy(ports.deployer),
        StepKind.ERASE: EraseOrder(ports, products),
    }
