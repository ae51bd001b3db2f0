from kenspeckle.client.asynchronous import AsyncClient as AsyncClient
from kenspeckle.client.errors import ClientError as ClientError
from kenspeckle.client.errors import ServerUnreachable as ServerUnreachable
from kenspeckle.client.retries import Retries as Retries
from kenspeckle.client.sync import Client as Client
from kenspeckle.domain import operations as operations
from kenspeckle.errors import KenspeckleError as KenspeckleError

__version__: str
