# What the real servers of the tests serve: WSGI.
import os


def app(environ, start_response):
    body = b'hello\n'
    start_response('200 OK', [('Content-Type', 'text/plain'),
                              ('Content-Length', str(len(body))),
                              ('X-Generation', str(os.getppid()))])
    return [body]
