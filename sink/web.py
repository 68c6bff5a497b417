"""The sink's application: the page's routes, the websocket, the REST interface, and the gate before all of them."""

from collections.abc import Collection, Sequence

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from sink.api.bodies import BodyLimit
from sink.api.export_routes import add_export_routes
from sink.api.job_making import JobMaker
from sink.api.job_routes import add_control_routes, add_job_routes, add_model_routes, add_sharing_routes
from sink.api.mesh_routes import add_mesh_routes
from sink.api.mesh_store import MeshStore
from sink.api.people_routes import add_account_routes, add_key_routes, add_session_routes
from sink.api.places import ModelFolders
from sink.api.problems import handlers
from sink.api.prompt_routes import add_prompt_routes
from sink.api.result_routes import add_result_routes
from sink.api.rules import RULES
from sink.api.services import Services
from sink.api.snapshot_routes import add_snapshot_routes
from sink.notifier.app import Lifespan
from sink.notifier.guard import Guard
from sink.notifier.routes import plain_errors
from sink.people.gate import Gate


def make_web(
    services: Services,
    page_routes: Sequence[BaseRoute],
    lifespan: Lifespan | None,
    hosts: Collection[str],
    public: Collection[str] = (),
    maker: JobMaker | None = None,
) -> FastAPI:
    """The application.

    Args:
        services: What the REST routes work with.
        page_routes: Routes of the page and the websocket.
        lifespan: Runs what feeds them, from start-up to shutdown.
        hosts: ``name:port`` values that ``Host`` and ``Origin`` may name.
        public: More of them, where a proxy may end TLS before us.
        maker: Makes jobs; None: users can name no file and upload no mesh.
    """
    app = FastAPI(
        title="posestream",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    for kind, handler in handlers(plain_errors()).items():
        app.add_exception_handler(kind, handler)
    app.state.services = services
    app.router.routes.extend(page_routes)
    add_session_routes(app)
    add_key_routes(app)
    add_account_routes(app)
    maker = maker or JobMaker(services, ModelFolders([]), MeshStore(services.engine, None))
    add_mesh_routes(app, maker.meshes)
    add_job_routes(app, maker)
    add_model_routes(app)
    add_control_routes(app)
    add_prompt_routes(app)
    add_sharing_routes(app)
    add_result_routes(app)
    add_export_routes(app)
    add_snapshot_routes(app)
    gate = Middleware(Gate, routes=lambda: app.routes, rules=RULES, door=services.door)
    app.user_middleware = [Middleware(Guard, hosts=hosts, public=public), Middleware(BodyLimit), gate]
    return app
